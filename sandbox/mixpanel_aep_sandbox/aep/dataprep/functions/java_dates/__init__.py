"""Dates with Java's patterns: parsing, formatting, and detection of the pattern."""
