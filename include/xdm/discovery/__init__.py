"""Proposes schema fields and mappings from the properties of real events."""
