"""The nodes of an expression: constants, attributes of the event, and calls; an operator is a call, too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Literal:
    """A constant. A number is kept as its JSON text, so that no digit is lost."""

    value: bool | str | Number | None


@dataclass(frozen=True)
class Number:
    """A number, as its JSON text."""

    text: str

    @property
    def is_integer(self) -> bool:
        """Whether the text is a whole number without an exponent."""
        return self.text.lstrip("-").isdigit()


@dataclass(frozen=True)
class Attribute:
    """A path in the event: property and member names, and indexes of array items."""

    path: tuple[str | int, ...]


@dataclass(frozen=True)
class Call:
    """A call of a function or operator with its arguments; the value before the dot of a method is the first argument."""

    name: str
    arguments: tuple[Node, ...]
    is_method: bool = False


Node = Literal | Attribute | Call
