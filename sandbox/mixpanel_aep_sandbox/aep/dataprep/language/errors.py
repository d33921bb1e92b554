"""Errors in expressions and in their values."""

from __future__ import annotations


class ExpressionError(Exception):
    """An error with its position in the expression (a count of characters from 0), if known."""

    def __init__(self, message: str, at: int | None = None) -> None:
        super().__init__(message if at is None else f"{message} (at character {at + 1})")
        self.message = message
        self.at = at


class SyntaxFault(ExpressionError):
    """The text is not a valid expression, or names something unknown."""


class EvaluationError(ExpressionError):
    """The expression cannot be evaluated for this row."""


class NotAvailable(EvaluationError):
    """Adobe has the function; the sandbox does not."""
