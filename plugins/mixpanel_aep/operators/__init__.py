"""Operators: one for each step."""
