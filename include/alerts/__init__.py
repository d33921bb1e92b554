"""Alerts: which conditions of a pipeline need a person, their texts, and which of them were sent."""
