"""Loads the staged files of a day into AEP as one batch."""
