"""The parser: converts the tokens of an expression into a tree of nodes, by the precedence of operators."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.dataprep.language.errors import SyntaxFault
from mixpanel_aep_sandbox.aep.dataprep.language.lexer import Token, tokens
from mixpanel_aep_sandbox.aep.dataprep.language.tree import (
    Array,
    Binary,
    Call,
    Conditional,
    Each,
    Field,
    Index,
    Lambda,
    Literal,
    Map,
    Member,
    Method,
    Node,
    Unary,
    walk,
)
from mixpanel_aep_sandbox.aep.dataprep.language.words import (
    BINDING,
    CONSTANTS,
    DEEPEST,
    MOST_BRACKETS,
    NOT_CHAINED,
    UNARY,
)


def parse(text: str) -> Node:
    """Parse the text of an expression, and return the root of its tree. Raises SyntaxFault."""
    parser = _Parser(list(tokens(text)))
    node = parser.expression()
    parser.expect_end()
    if any(depth > DEEPEST for _, depth in walk(node)):
        raise SyntaxFault(f"The expression is nested more than {DEEPEST} deep.")
    return node


class _Parser:
    """A recursive descent parser over the tokens of one expression, with a method for each form of expression."""

    def __init__(self, all_tokens: list[Token]) -> None:
        self._tokens, self._next, self._depth = all_tokens, 0, 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _is_next(self, sign: str) -> bool:
        return self._token.kind == "sign" and self._token.value == sign

    def _take(self) -> Token:
        """Return the current token and move to the next one; the parser never moves past the end."""
        token = self._token
        self._next += token.kind != "end"
        return token

    def _accept(self, sign: str) -> bool:
        """Consume the current token and return True if it is ``sign``; otherwise return False."""
        found = self._is_next(sign)
        self._next += found
        return found

    def _expect(self, sign: str) -> None:
        """Consume the current token. Raises SyntaxFault if it is not ``sign``."""
        if not self._accept(sign):
            raise SyntaxFault(f"Expected {sign!r}, found {_quoted_token(self._token)}.", self._token.at)

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise SyntaxFault(
                f"Unexpected {_quoted_token(self._token)} after the end of the expression.", self._token.at
            )

    def expression(self) -> Node:
        self._enter()
        node = self._lambda() or self._conditional()
        self._depth -= 1
        return node

    def _enter(self) -> None:
        """Count a nested expression. Raises SyntaxFault above the maximum depth."""
        self._depth += 1
        if self._depth > MOST_BRACKETS:
            raise SyntaxFault(f"The expression is nested more than {MOST_BRACKETS} deep.", self._token.at)

    def _lambda(self) -> Node | None:
        token, after = self._token, self._tokens[min(self._next + 1, len(self._tokens) - 1)]
        if token.kind != "name" or after.value != "->" or after.kind != "sign":
            return None
        self._next += 2
        return Lambda(token.value, self.expression(), at=token.at)

    def _conditional(self) -> Node:
        condition = self._binary(1)
        if self._accept("?:"):
            return Binary("?:", condition, self.expression(), at=condition.at)
        if not self._accept("?"):
            return condition
        then = self.expression()
        self._expect(":")
        return Conditional(condition, then, self.expression(), at=condition.at)

    def _binary(self, weakest: int) -> Node:
        """Parse operands that are joined by binary operators, and return the root of their tree.

        Args:
            weakest: The lowest precedence of an operator to parse here.
        """
        left = self._unary()
        while (binding := self._binding()) >= weakest:
            operator = self._take().value
            left = Binary(operator, left, self._binary(binding + 1), at=left.at)
            if binding in NOT_CHAINED and self._binding() == binding:
                raise SyntaxFault("Comparisons cannot be chained; use parentheses.", self._token.at)
        return left

    def _binding(self) -> int:
        """Return the precedence of the current token; 0 if it is not a binary operator."""
        return BINDING.get(self._token.value, 0) if self._token.kind == "sign" else 0

    def _unary(self) -> Node:
        token = self._token
        if token.kind not in ("sign", "word") or token.value not in UNARY:
            return self._postfix(self._primary())
        self._take()
        self._enter()
        node = Unary(token.value, self._unary(), at=token.at)
        self._depth -= 1
        return node

    def _postfix(self, node: Node) -> Node:
        """Parse all ``.name``, ``.name()``, ``[index]`` and ``[*]`` that follow a node."""
        while True:
            if self._accept("."):
                node = self._member(node)
            elif self._accept("["):
                if self._accept("*"):
                    node = Each(node, at=node.at)
                else:
                    node = Index(node, self.expression(), at=node.at)
                self._expect("]")
            else:
                return node

    def _member(self, of: Node) -> Node:
        token = self._take()
        if token.kind == "field":
            for name in token.value:
                of = Member(of, name, at=of.at)
            return of
        if token.kind != "name":
            raise SyntaxFault(_not_a_name(token), token.at)
        if self._accept("("):
            return Method(of, token.value, self._list(")"), at=of.at)
        return Member(of, token.value, at=of.at)

    def _list(self, closing: str) -> tuple[Node, ...]:
        """Parse comma-separated expressions up to the sign ``closing``."""
        items: list[Node] = []
        while not self._accept(closing):
            if items:
                self._expect(",")
            items.append(self.expression())
        return tuple(items)

    def _primary(self) -> Node:
        """Parse a constant, a field, a call of a function, or an expression in brackets."""
        token = self._take()
        if token.kind == "constant":
            return Literal(token.value, at=token.at)
        if token.kind == "word" and token.value in CONSTANTS:
            return Literal(CONSTANTS[token.value], at=token.at)
        if token.kind == "field":
            node: Node = Field(token.value[0], at=token.at)
            for name in token.value[1:]:
                node = Member(node, name, at=token.at)
            return node
        if token.kind == "name":
            if self._accept("("):
                return Call(token.value, self._list(")"), at=token.at)
            return Field(token.value, at=token.at)
        return self._bracket(token)

    def _bracket(self, token: Token) -> Node:
        if token.kind == "sign" and token.value == "(":
            node = self.expression()
            self._expect(")")
            return node
        if token.kind == "sign" and token.value == "[":
            return Array(self._list("]"), at=token.at)
        if token.kind == "sign" and token.value == "{":
            return self._map(token)
        raise SyntaxFault(_not_a_name(token), token.at)

    def _map(self, token: Token) -> Node:
        entries: list[tuple[Node, Node]] = []
        if self._accept(":"):  # `{:}` is JEXL's empty map
            self._expect("}")
            return Map((), at=token.at)
        while not self._accept("}"):
            if entries:
                self._expect(",")
            key = self.expression()
            self._expect(":")
            entries.append((key, self.expression()))
        return Map(tuple(entries), at=token.at)


def _quoted_token(token: Token) -> str:
    return "the end" if token.kind == "end" else repr(token.value)


def _not_a_name(token: Token) -> str:
    """Return the error message for a token that cannot begin a value or be a name."""
    if token.kind == "word":
        return f"{token.value!r} is a reserved word; a field of this name is written ${{{token.value}}}."
    return f"Expected a value, found {_quoted_token(token)}."
