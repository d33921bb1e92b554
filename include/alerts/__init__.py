"""Alerts about a pipeline: the rules that raise them, their texts, and the records of sent alerts in the lake."""
