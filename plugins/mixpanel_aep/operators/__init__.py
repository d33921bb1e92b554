"""Operators: one for each task of the DAGs."""
