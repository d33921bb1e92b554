"""Runs of dataflows: their schedule, execution, and representation."""
