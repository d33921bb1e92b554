"""What an expression consists of: constants, attributes of the event, and calls; an operator is a call, too."""

from __future__ import annotations

from dataclasses import dataclass


class LanguageError(ValueError):
    """What is wrong with an expression or a path, in one sentence without its full stop."""


@dataclass(frozen=True)
class Literal:
    """A constant. A number is kept as its JSON text, so that no digit of it is lost."""

    value: bool | str | Number | None


@dataclass(frozen=True)
class Number:
    text: str

    @property
    def is_integer(self) -> bool:
        return self.text.lstrip("-").isdigit()


@dataclass(frozen=True)
class Attribute:
    """A place in the event: names, and positions in arrays."""

    path: tuple[str | int, ...]


@dataclass(frozen=True)
class Call:
    """A function or operator and its arguments; what stood before the dot of a method is its first argument."""

    name: str
    arguments: tuple[Node, ...]
    is_method: bool = False


Node = Literal | Attribute | Call
