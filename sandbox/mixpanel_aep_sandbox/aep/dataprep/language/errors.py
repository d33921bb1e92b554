"""Errors of expressions: invalid syntax, and failed evaluation for a row."""

from __future__ import annotations


class ExpressionError(Exception):
    """An error of an expression.

    Attributes:
        message: The text of the error, without the place.
        at: The index of the character in the expression, from 0; None if it is not known.
    """

    def __init__(self, message: str, at: int | None = None) -> None:
        super().__init__(message if at is None else f"{message} (at character {at + 1})")
        self.message = message
        self.at = at


class SyntaxFault(ExpressionError):
    """A text is not a valid expression or path, or names an unknown function or schema field."""


class EvaluationError(ExpressionError):
    """An expression cannot be evaluated for a row, or a value cannot be converted."""


class NotAvailable(EvaluationError):
    """Adobe documents the function, but the sandbox does not implement it."""
