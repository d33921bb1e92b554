"""Planned faults: which requests they match, and what happens to those requests."""
