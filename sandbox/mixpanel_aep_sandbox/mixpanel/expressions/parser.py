"""Parser of Mixpanel's segmentation expressions, such as the ``where`` parameter of an export.

Grammar and types follow Mixpanel's "Segmentation Expressions" reference. In Python, ``None`` stands for null and
``UNDEFINED`` for the reference's undefined value. The parser compiles an expression to nested functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from mixpanel_aep_sandbox.mixpanel.expressions import values
from mixpanel_aep_sandbox.mixpanel.expressions.values import Event, Function, Operator

Node: TypeAlias = Callable[[Event], object]
"""A compiled part of an expression: a function from an event to the part's value."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<mark>==|!=|<=|>=|[-+*/%<>()\[\],]))""",
    re.ASCII,
)
_MAX_DEPTH = 60


class WhereError(ValueError):
    """A segmentation expression is invalid; the message says why."""


def parse(text: str) -> Callable[[Event], bool]:
    """Compile a segmentation expression to a function that returns whether an event matches it.

    An event is ``{"event": ..., "properties": {...}}``, as the export returns it. ``user["..."]`` in the expression
    reads the event's key ``user``, which must contain the properties of the user's profile. Raises WhereError if the
    expression is invalid.
    """
    parser = _Parser(text)
    node = parser.parse_or()
    if parser.peek():
        raise WhereError(f"unexpected {parser.peek()!r}")
    return lambda event: node(event) is True


class _Parser:
    """Recursive descent parser with one method for each level of operator precedence, lowest first."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokenize(text)
        self._at = 0
        self._depth = 0

    def peek(self) -> str:
        """Return the next token without consuming it, or an empty text at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def parse_or(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise WhereError("too deeply nested")
        node = self._parse_left_associative(self._parse_and, {"or": values.logical_or})
        self._depth -= 1
        return node

    def _parse_and(self) -> Node:
        return self._parse_left_associative(self._parse_not, {"and": values.logical_and})

    def _parse_not(self) -> Node:
        inverted = False
        while self.peek() == "not":
            self._next_token()
            inverted = not inverted
        node = self._parse_comparison()
        return (lambda event: values.logical_not(node(event))) if inverted else node

    def _parse_comparison(self) -> Node:
        return self._parse_left_associative(self._parse_sum, values.COMPARISONS)

    def _parse_sum(self) -> Node:
        return self._parse_left_associative(self._parse_product, {"+": values.add, "-": values.subtract})

    def _parse_product(self) -> Node:
        operators = {"*": values.multiply, "/": values.divide, "%": values.remainder}
        return self._parse_left_associative(self._parse_signed, operators)

    def _parse_signed(self) -> Node:
        signs: list[Function] = []
        while self.peek() in values.SIGNS:
            signs.insert(0, values.SIGNS[self._next_token()])
        node = self._parse_atom()
        return _apply_signs(node, signs) if signs else node

    def _parse_left_associative(self, operand: Callable[[], Node], operators: Mapping[str, Operator]) -> Node:
        """Parse operands that are separated by any of the operators; ``operand`` is the method that parses one."""
        first, more = operand(), []
        while self.peek() in operators:
            more.append((operators[self._next_token()], operand()))
        return _chain(first, more) if more else first

    def _parse_atom(self) -> Node:
        token = self._next_token()
        if token == "(":  # noqa: S105 - a token of the expression
            node = self.parse_or()
            self._expect(")")
            return node
        if token == "[":  # noqa: S105
            return self._parse_list()
        if token[:1] in "\"'" and token:
            return _constant(_unquote(token))
        if token[:1].isdigit():
            return _constant(_number(token))
        if token in ("true", "false", "null"):
            return _constant({"true": True, "false": False, "null": None}[token])
        if token in ("properties", "event"):
            return self._parse_property(values.look_up)
        if token == "user":  # noqa: S105
            return self._parse_property(values.look_up_user)
        if token in values.FUNCTIONS:
            return self._parse_call(values.FUNCTIONS[token])
        raise WhereError(f"unexpected {token or 'end'!r}")

    def _parse_property(self, look_up: Callable[[Event, str], object]) -> Node:
        """Parse a property's name in brackets, ``["name"]``, and return the node that reads the property from an event.

        Args:
            look_up: returns the value of the property with a name in an event.
        """
        self._expect("[")
        token = self._next_token()
        if token[:1] not in "\"'" or not token:
            raise WhereError("a property's name in quotes is expected")
        name = _unquote(token)
        self._expect("]")
        return lambda event: look_up(event, name)

    def _parse_call(self, function: Function) -> Node:
        self._expect("(")
        node = self.parse_or()
        self._expect(")")
        return lambda event: function(node(event))

    def _parse_list(self) -> Node:
        items: list[Node] = []
        while self.peek() != "]":
            items.append(self.parse_or())
            if self.peek() != "]":
                self._expect(",")
        self._next_token()
        return lambda event: [item(event) for item in items]

    def _next_token(self) -> str:
        token = self.peek()
        self._at += 1
        return token

    def _expect(self, mark: str) -> None:
        if self._next_token() != mark:
            raise WhereError(f"{mark!r} is expected")


def _tokenize(text: str) -> list[str]:
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
    """Return the text of a string token in single or double quotes, with its escapes resolved."""
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
    """Return a node that applies the operators from left to right.

    It uses a loop, because a long chain of nested calls would exceed Python's recursion limit.
    """

    def chained(event: Event) -> object:
        value = first(event)
        for operator, node in more:
            value = operator(value, node(event))
        return value

    return chained


def _apply_signs(node: Node, signs: list[Function]) -> Node:
    def signed(event: Event) -> object:
        value = node(event)
        for sign in signs:
            value = sign(value)
        return value

    return signed


def _constant(value: object) -> Node:
    return lambda _event: value
