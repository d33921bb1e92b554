"""Mixpanel's segmentation expressions, as ``where`` of an export accepts them.

They follow the grammar and the rules for types in Mixpanel's "Segmentation Expressions" reference. ``None`` is null,
``UNDEFINED`` is what the reference calls undefined.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from mixpanel_aep_sandbox.mixpanel.expressions import values
from mixpanel_aep_sandbox.mixpanel.expressions.values import Event, Function, Operator

Node: TypeAlias = Callable[[Event], object]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<mark>==|!=|<=|>=|[-+*/%<>()\[\],]))""",
    re.ASCII,
)
_MAX_DEPTH = 60


class WhereError(ValueError):
    """The expression is invalid; the message says what and where."""


def parse(text: str) -> Callable[[Event], bool]:
    """Return a test of an exported event (``{"event": ..., "properties": {...}}``), or of a profile in this form.

    ``user["..."]`` reads its ``user``, the properties of the profile. Raises WhereError.
    """
    parser = _Parser(text)
    node = parser.either()
    if parser.peek():
        raise WhereError(f"unexpected {parser.peek()!r}")
    return lambda event: node(event) is True


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _split(text)
        self._at = 0
        self._depth = 0

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def either(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise WhereError("too deeply nested")
        node = self._left(self._both, {"or": values.either})
        self._depth -= 1
        return node

    def _both(self) -> Node:
        return self._left(self._negated, {"and": values.both})

    def _negated(self) -> Node:
        inverted = False
        while self.peek() == "not":
            self._take()
            inverted = not inverted
        node = self._compared()
        return (lambda event: values.negate(node(event))) if inverted else node

    def _compared(self) -> Node:
        return self._left(self._sum, values.COMPARISONS)

    def _sum(self) -> Node:
        return self._left(self._product, {"+": values.add, "-": values.subtract})

    def _product(self) -> Node:
        return self._left(self._signed, {"*": values.multiply, "/": values.divide, "%": values.remainder})

    def _signed(self) -> Node:
        signs: list[Function] = []
        while self.peek() in values.SIGNS:
            signs.insert(0, values.SIGNS[self._take()])
        node = self._atom()
        return _signed(node, signs) if signs else node

    def _left(self, part: Callable[[], Node], operators: Mapping[str, Operator]) -> Node:
        first, more = part(), []
        while self.peek() in operators:
            more.append((operators[self._take()], part()))
        return _chain(first, more) if more else first

    def _atom(self) -> Node:
        token = self._take()
        if token == "(":  # noqa: S105 - a token of the expression
            node = self.either()
            self._expect(")")
            return node
        if token == "[":  # noqa: S105
            return self._list()
        if token[:1] in "\"'" and token:
            return _constant(_unquote(token))
        if token[:1].isdigit():
            return _constant(_number(token))
        if token in ("true", "false", "null"):
            return _constant({"true": True, "false": False, "null": None}[token])
        if token in ("properties", "event"):
            return self._property(values.look_up)
        if token == "user":  # noqa: S105
            return self._property(values.look_up_user)
        if token in values.FUNCTIONS:
            return self._call(values.FUNCTIONS[token])
        raise WhereError(f"unexpected {token or 'end'!r}")

    def _property(self, look_up: Callable[[Event, str], object]) -> Node:
        self._expect("[")
        token = self._take()
        if token[:1] not in "\"'" or not token:
            raise WhereError("a property's name in quotes is expected")
        name = _unquote(token)
        self._expect("]")
        return lambda event: look_up(event, name)

    def _call(self, function: Function) -> Node:
        self._expect("(")
        node = self.either()
        self._expect(")")
        return lambda event: function(node(event))

    def _list(self) -> Node:
        items: list[Node] = []
        while self.peek() != "]":
            items.append(self.either())
            if self.peek() != "]":
                self._expect(",")
        self._take()
        return lambda event: [item(event) for item in items]

    def _take(self) -> str:
        token = self.peek()
        self._at += 1
        return token

    def _expect(self, mark: str) -> None:
        if self._take() != mark:
            raise WhereError(f"{mark!r} is expected")


def _split(text: str) -> list[str]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise WhereError(f"unexpected character at {at}")
        tokens.append(match.group().strip())
        at = match.end()
    return tokens


def _unquote(token: str) -> str:
    inner = token[1:-1]
    if token[0] == "'":
        inner = inner.replace("\\'", "'").replace('"', '\\"')
    try:
        return str(json.loads(f'"{inner}"', strict=False))
    except ValueError as error:
        raise WhereError("a string has an unknown escape") from error


def _number(token: str) -> object:
    number = values.to_number(token)
    if number is values.UNDEFINED:
        raise WhereError("a number is too large")
    return number


def _chain(first: Node, more: list[tuple[Operator, Node]]) -> Node:
    """Evaluate operators from left to right in a loop, not by recursion: a chain may be longer than the stack."""

    def chained(event: Event) -> object:
        value = first(event)
        for operator, node in more:
            value = operator(value, node(event))
        return value

    return chained


def _signed(node: Node, signs: list[Function]) -> Node:
    def signed(event: Event) -> object:
        value = node(event)
        for sign in signs:
            value = sign(value)
        return value

    return signed


def _constant(value: object) -> Node:
    return lambda _event: value
