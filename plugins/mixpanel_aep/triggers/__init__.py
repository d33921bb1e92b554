"""Triggers: they poll AEP while a task is deferred, and write nothing."""
