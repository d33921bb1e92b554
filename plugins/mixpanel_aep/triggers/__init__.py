"""Triggers: they poll AEP, and never write."""
