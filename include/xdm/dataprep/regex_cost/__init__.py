"""Decide whether a regular expression may take exponential time on some text."""
