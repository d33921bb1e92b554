"""The nodes of a parsed expression: constants, attributes of the event, and calls; an operator is a call, too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Literal:
    """A constant of an expression. A number is stored as its JSON text, so that no digit is lost."""

    value: bool | str | Number | None


@dataclass(frozen=True)
class Number:
    """A number, stored as its JSON text."""

    text: str

    @property
    def is_integer(self) -> bool:
        """Whether the text is a whole number without an exponent."""
        return self.text.lstrip("-").isdigit()


@dataclass(frozen=True)
class Attribute:
    """A value that is read from the event, by its path: names of properties and members, and indexes of array items."""

    path: tuple[str | int, ...]


@dataclass(frozen=True)
class Call:
    """A call of a function, operator or method; the first argument of a method is the value before its dot."""

    name: str
    arguments: tuple[Node, ...]
    is_method: bool = False


Node = Literal | Attribute | Call
