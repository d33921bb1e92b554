"""Errors in expressions, and failures of their evaluation for a row."""

from __future__ import annotations


class LanguageError(ValueError):
    """An expression or a path is invalid; the message is one sentence without a full stop."""


class Failure(ValueError):
    """A function cannot compute its result for a row: the field is null in this row, and the failure is counted."""
