"""What can be wrong with an expression, and with a value."""

from __future__ import annotations


class ExpressionError(Exception):
    """A sentence, and where in the expression it is about (a count of characters from 0), if anywhere."""

    def __init__(self, message: str, at: int | None = None) -> None:
        super().__init__(message if at is None else f"{message} (at character {at + 1})")
        self.message = message
        self.at = at


class SyntaxFault(ExpressionError):
    """The text is no expression, or names something that there is not."""


class EvaluationError(ExpressionError):
    """The expression has no value for this row."""


class NotAvailable(EvaluationError):
    """Adobe has the function; the sandbox cannot have it."""
