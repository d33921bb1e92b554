"""Dates by Java's patterns: reading, writing, and guessing the pattern."""
