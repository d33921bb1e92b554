"""Runs of dataflows: when they are due, what they do, and how they are shown."""
