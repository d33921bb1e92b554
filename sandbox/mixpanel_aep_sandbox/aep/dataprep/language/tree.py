"""Nodes of an expression's tree. The comparison of nodes ignores their positions in the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import TypeAlias

Scalar: TypeAlias = bool | int | float | Decimal | str | None


@dataclass(frozen=True)
class Node:
    """The base class of the nodes of an expression's tree."""

    at: int = field(default=0, compare=False, repr=False, kw_only=True)
    """Index of the node's first character in the text, from 0."""


@dataclass(frozen=True)
class Literal(Node):
    """A constant: a number, a string, true, false or null."""

    value: Scalar


@dataclass(frozen=True)
class Field(Node):
    """The name of a row's attribute or of a lambda's parameter."""

    name: str


@dataclass(frozen=True)
class Member(Node):
    """``of.name``: an attribute of an object."""

    of: Node
    name: str


@dataclass(frozen=True)
class Index(Node):
    """``of[index]``: an item of an array, or an attribute of an object."""

    of: Node
    index: Node


@dataclass(frozen=True)
class Each(Node):
    """``of[*]``: every item of an array."""

    of: Node


@dataclass(frozen=True)
class Call(Node):
    """``name(arguments)``: a call of a function."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Method(Node):
    """``of.name(arguments)``: a call of a method of a value."""

    of: Node
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Unary(Node):
    """An operator with one operand, such as ``-a`` or ``not a``."""

    operator: str
    operand: Node


@dataclass(frozen=True)
class Binary(Node):
    """An operator with two operands, such as ``a + b`` or ``a and b``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Conditional(Node):
    """``condition ? then : otherwise``: one of two values, by a condition."""

    condition: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True)
class Array(Node):
    """``[items]``: an array."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Map(Node):
    """``{key: value}``: a map, as pairs of key and value."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True)
class Lambda(Node):
    """``parameter -> body``: a function with one parameter, as an argument of another function."""

    parameter: str
    body: Node


def children(node: Node) -> Iterator[Node]:
    """Yield the direct children of a node, in the order of the text."""
    for part in fields(node):
        value = getattr(node, part.name)
        for child in value if isinstance(value, tuple) else (value,):
            yield from child if isinstance(child, tuple) else ((child,) if isinstance(child, Node) else ())


def walk(node: Node) -> Iterator[tuple[Node, int]]:
    """Yield a node (depth 1) and all its descendants with their depths, in no particular order, without recursion."""
    waiting = [(node, 1)]
    while waiting:
        one, depth = waiting.pop()
        yield one, depth
        waiting.extend((child, depth + 1) for child in children(one))


def path_names(node: Node) -> list[str]:
    """Return the names of a dotted path, ["a", "b", "c"] for ``a.b.c``; an empty list for any other node."""
    names: list[str] = []
    while isinstance(node, Member):
        names.append(node.name)
        node = node.of
    return [node.name, *reversed(names)] if isinstance(node, Field) else []
