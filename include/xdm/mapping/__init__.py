"""Mapping sets: reading them from files, checking them against an XDM schema, and compiling them."""
