"""Mixpanel: a folder for each API; ``models`` holds the data of a project."""
