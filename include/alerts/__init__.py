"""Alerts about a pipeline: the rules that decide when one is sent, its texts, and the records of sent alerts."""
