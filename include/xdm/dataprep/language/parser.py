"""Parse an expression: build the tree of its tokens by the precedence of operators."""

from __future__ import annotations

from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.lexer import Token, number_text, string_value, tokens
from include.xdm.dataprep.language.paths import parse_path, unescape
from include.xdm.dataprep.language.tree import Attribute, Call, Literal, Node, Number
from include.xdm.dataprep.language.words import (
    BINARY,
    CONSTANTS,
    HEIGHT_LIMIT,
    NESTING_LIMIT,
    RESERVED,
    UNARY,
    UNCHAINED,
)


def parse(text: str) -> Node:
    """Parse the text of an expression to a tree of nodes.

    Raises:
        LanguageError: the text is not an expression; the message states the position and, if known, the correction.
    """
    parser = _Parser(text)
    node = parser.conditional()
    parser.expect("", "end")
    level: list[Node] = [node]
    for _ in range(HEIGHT_LIMIT):
        level = [inner for outer in level if isinstance(outer, Call) for inner in outer.arguments]
    if level:
        raise LanguageError(f"it chains or nests more than {HEIGHT_LIMIT} operations; split it")
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._at = 0
        self._depth = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _accept(self, *symbols: str) -> str | None:
        token = self._next
        if token.kind in ("symbol", "name") and token.text in symbols:
            self._at += 1
            return token.text
        return None

    def expect(self, symbol: str, kind: str = "symbol") -> None:
        token = self._take()
        if token.kind == kind and token.text == symbol:
            return
        if token.text == "->":
            raise LanguageError("it has a ->, which only functions for destinations accept")
        if token.text in ("=", ";", "{"):
            raise LanguageError(f"{token} makes it a script; write a single expression")
        wanted = f"{symbol!r}" if symbol else "its end"
        raise LanguageError(f"expected {wanted} but found {token}")

    def conditional(self) -> Node:
        """Parse ``condition ? yes : no``, ``value ?: other``, ``value ?? other``."""
        self._depth += 1
        if self._depth > NESTING_LIMIT:
            raise LanguageError(f"it nests deeper than {NESTING_LIMIT} levels")
        node = self._binary(0)
        if self._accept("?"):
            yes = self.conditional()
            self.expect(":")
            node = Call("iif", (node, yes, self.conditional()))
        elif self._accept("?:"):
            node = Call("?:", (node, self.conditional()))
        elif self._accept("??"):
            node = Call("coalesce", (node, self.conditional()))
        self._depth -= 1
        return node

    def _binary(self, level: int) -> Node:
        if level == len(BINARY):
            return self._unary()
        node, operators = self._binary(level + 1), 0
        while symbol := self._accept(*BINARY[level]):
            node = Call(BINARY[level][symbol], (node, self._binary(level + 1)))
            operators += 1
            if operators > 1 and level in UNCHAINED:
                raise LanguageError(f"two comparisons in a row, the second one {symbol!r}; add brackets")
        return node

    def _unary(self) -> Node:
        signs = []
        while symbol := self._accept(*UNARY):
            signs.append(UNARY[symbol])
            if len(signs) > NESTING_LIMIT:
                raise LanguageError(f"it nests deeper than {NESTING_LIMIT} levels")
        node = self._postfix()
        for sign in reversed(signs):
            if sign == "unary -" and isinstance(node, Literal) and isinstance(node.value, Number):
                text = node.value.text
                node = Literal(Number(text[1:] if text.startswith("-") else f"-{text}"))
            else:
                node = Call(sign, (node,))
        return node

    def _postfix(self) -> Node:
        node = self._primary()
        while True:
            if self._accept("."):
                node = self._after_dot(node)
            elif self._accept("["):
                key = self.conditional()
                self.expect("]")
                node = _access_node(node, key)
            else:
                return node

    def _after_dot(self, node: Node) -> Node:
        token = self._take()
        if token.kind == "name" and self._accept("("):
            return Call(token.text, (node, *self._arguments(")")), is_method=True)
        if token.kind == "name" and token.text not in RESERVED:
            return _access_node(node, Literal(unescape(token.text)))
        if token.kind == "wrapped" and token.text != "${}":
            return _access_node(node, Literal(token.text[2:-1].replace("\\.", ".")))
        if token.kind == "number" and token.text.isdigit():
            return _access_node(node, Literal(Number(number_text(token.text))))
        raise LanguageError(_missing_name_fault(token))

    def _primary(self) -> Node:
        token = self._take()
        if token.kind == "number":
            return Literal(Number(number_text(token.text)))
        if token.kind == "string":
            return Literal(string_value(token.text))
        if token.kind == "wrapped":
            path = parse_path(token.text)
            if any(not isinstance(step, str | int) for step in path):
                raise LanguageError(f"{token} has a [*]; only a mapping of sourceType ATTRIBUTE accepts it")
            return Attribute(tuple(step for step in path if isinstance(step, str | int)))
        if token.kind == "name":
            return self._parse_named(token)
        if token.text == "(":
            node = self.conditional()
            self.expect(")")
            return node
        if token.text == "[":
            return Call("[...]", self._arguments("]"))
        if token.text == "{":
            return self._object()
        raise LanguageError(f"a value is expected at {token}")

    def _parse_named(self, token: Token) -> Node:
        if token.text in CONSTANTS:
            return Literal(CONSTANTS[token.text])
        if self._accept("("):
            return Call(token.text, self._arguments(")"))
        if token.text in RESERVED:
            raise LanguageError(_missing_name_fault(token))
        return Attribute((unescape(token.text),))

    def _arguments(self, closing: str) -> tuple[Node, ...]:
        if self._accept(closing):
            return ()
        found = [self.conditional()]
        while self._accept(","):
            found.append(self.conditional())
        self.expect(closing)
        return tuple(found)

    def _object(self) -> Node:
        """Parse ``{"key": value}``, or ``{:}`` for an empty object."""
        if self._accept(":"):
            self.expect("}")
            return Call("{...}", ())
        pairs: list[Node] = []
        while True:
            # A key cannot be a conditional: its colon would be read as part of the condition.
            pairs.append(self._binary(0))
            self.expect(":")
            pairs.append(self.conditional())
            if not self._accept(","):
                self.expect("}")
                return Call("{...}", tuple(pairs))


def _missing_name_fault(token: Token) -> str:
    if token.text in RESERVED:
        return f"{token} is a reserved word; write ${{{token.text}}} to use it as a name"
    return f"a name is expected at {token}"


def _access_node(node: Node, key: Node) -> Node:
    """Return the node for ``node.name``, ``node[0]`` or ``node['name']``.

    A constant name or position becomes part of the attribute's path.
    """
    if isinstance(node, Attribute) and isinstance(key, Literal):
        value = key.value
        if isinstance(value, str) and value:
            return Attribute((*node.path, value))
        if isinstance(value, Number) and value.is_integer and not value.text.startswith("-"):
            return Attribute((*node.path, int(value.text)))
    return Call("[]", (node, key))
