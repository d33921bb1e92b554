"""Generates trees of expressions, and writes a tree as text, with brackets wherever they may be needed."""

from __future__ import annotations

import string
from decimal import Decimal

from hypothesis import strategies as st

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
)
from mixpanel_aep_sandbox.aep.dataprep.language.words import BINDING, RESERVED, UNARY


def printed(node: Node) -> str:
    match node:
        case Literal(value):
            return _constant(value)
        case Field(name):
            return _name(name)
        case Member(of, name):
            return f"{_inner(of)}.{_name(name)}"
        case Index(of, index):
            return f"{_inner(of)}[{printed(index)}]"
        case Each(of):
            return f"{_inner(of)}[*]"
        case Call(name, arguments):
            return f"{name}({_list(arguments)})"
        case Method(of, name, arguments):
            return f"{_inner(of)}.{name}({_list(arguments)})"
        case Unary(operator, operand):
            return f"{operator} {_inner(operand)}"
        case Binary(operator, left, right):
            return f"{_inner(left)} {operator} {_inner(right)}"
        case Conditional(condition, then, otherwise):
            return f"{_inner(condition)} ? {_inner(then)} : {_inner(otherwise)}"
        case Array(items):
            return f"[{_list(items)}]"
        case Map(entries):
            return "{" + ", ".join(f"{_inner(key)}: {_inner(value)}" for key, value in entries) + "}"
        case Lambda(parameter, body):
            return f"{parameter} -> {printed(body)}"
    raise AssertionError(node)


def _inner(node: Node) -> str:
    text = printed(node)
    return f"({text})" if isinstance(node, (Unary, Binary, Conditional, Lambda)) else text


def _list(nodes: tuple[Node, ...]) -> str:
    return ", ".join(map(_inner, nodes))


def _constant(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Decimal):
        return f"{value}B"
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or value is True or value is False
        else repr(value)
    )


def _name(name: str) -> str:
    plain = name.isidentifier() and name.isascii() and name not in RESERVED
    return (
        name
        if plain
        else "${" + "".join(f"\\{letter}" if letter in "\\.}" else letter for letter in name) + "}"
    )


def _plain_names() -> st.SearchStrategy[str]:
    letters = st.sampled_from(string.ascii_letters + "_")
    return st.builds("".join, st.lists(letters, min_size=1, max_size=5)).filter(lambda n: n not in RESERVED)


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_NAMES = st.one_of(_plain_names(), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6))
_NUMBERS = st.one_of(
    st.integers(0, 10**25),
    st.floats(0, 1e300, allow_nan=False),
    st.decimals(0, 10**12, allow_nan=False, places=3),
)
LEAVES = st.one_of(
    st.builds(Literal, st.one_of(st.none(), st.booleans(), _TEXTS, _NUMBERS)),
    st.builds(Field, _NAMES),
)


def _larger(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(parts, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Member, parts, _NAMES),
        st.builds(Index, parts, parts),
        st.builds(Each, parts),
        st.builds(Call, _plain_names(), several),
        st.builds(Method, parts, _plain_names(), several),
        st.builds(Unary, st.sampled_from(UNARY), parts),
        st.builds(Binary, st.sampled_from([*BINDING, "?:"]), parts, parts),
        st.builds(Conditional, parts, parts, parts),
        st.builds(Array, several),
        st.builds(Map, st.lists(st.tuples(parts, parts), max_size=2).map(tuple)),
        st.builds(Lambda, _plain_names(), parts),
    )


TREES: st.SearchStrategy[Node] = st.recursive(LEAVES, _larger, max_leaves=12)
