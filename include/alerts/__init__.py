"""Alerts: the conditions of a pipeline that need a person, their texts, and the record of sent alerts."""
