"""Operators: one for each step, each the story of its task."""
