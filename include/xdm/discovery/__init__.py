"""Propose schema fields and mappings for the properties that a project's events have."""
