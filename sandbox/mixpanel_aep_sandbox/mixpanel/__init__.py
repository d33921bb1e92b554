"""Mixpanel: a folder for each API; ``models`` is what a project has."""
