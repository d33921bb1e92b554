"""Errors in expressions and in their values."""

from __future__ import annotations


class LanguageError(ValueError):
    """A fault of an expression or a path, as one sentence without its full stop."""


class Failure(ValueError):
    """A transform that failed for a row: its column is null, and the failure is counted."""
