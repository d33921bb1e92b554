"""Runs of dataflows: their schedules, their execution, and their form in the API's responses."""
