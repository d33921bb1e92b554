"""Simulates many pipelines over years on a virtual clock, with the project's own planner and rate budgets."""
