"""Triggers: they look at AEP, and never write."""
