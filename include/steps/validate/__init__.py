"""Checks the rows of a day against the schema; invalid rows go to quarantine."""
