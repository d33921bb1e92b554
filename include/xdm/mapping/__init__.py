"""Mapping sets: reading them, checking them against a schema, and compiling them."""
