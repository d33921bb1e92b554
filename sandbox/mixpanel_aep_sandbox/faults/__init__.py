"""Planned faults: which request they meet, and what happens to it."""
