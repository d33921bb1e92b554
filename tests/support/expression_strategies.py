"""Hypothesis strategies: typed expressions over all functions, and events with unusual values."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

from hypothesis import strategies as st

from include.xdm.dataprep.functions import ALL
from include.xdm.dataprep.functions.registry import Function, Parameter
from include.xdm.dataprep.language.types import Type, accepts

NAMES = [
    "a",
    "b",
    "$os",
    "user.plan",
    "Total (€)",
    "списки",
    "list",
    "obj",
    "when",
    "url",
    "insert_id\ufffd",
    "size",
]

TEXTS = st.sampled_from([
    "", " ", "a", "A", "Ålesund", "straße", "İ", "ǅ", "ﬁ", "Σας", "hello world", "a,b,,c,", ",", "a|b", "x=1&y=2", "👩‍👩‍👧 é", "e\u0301",
    "Sing\u008599\u0085Luft", "A\u2028B", "\ufeffA", "a\0b", "\t x \n", "\u00a0x\u00a0", "\u3000x", "it's \"so\"", "\\", "$", "%41%zz+%C3%A9%ff",
    "true", "False", "YES", "off", "null", "0", "5", "-5", "5.0", " 7 ", "+5", "1e3", "1e999", "NaN", "Infinity", "0x1F", "007", "1_000", "٣",
    "9007199254740993", "3928097563762691601", "123456789012345678901234567890", "0.1", "1.10",
    "2026-07-01", "2026-07-01T12:01:40Z", "2026-07-01 12:01:40.125", "2026-07-01T14:01:40+02:00", "2024-02-29", "2026-02-30", "20260701",
    "12112020", "7/04/2026", "01-Jul-2026", "7/04/2026 11:30:00 pm", "0000-01-01", "9999-12-31T23:59:59Z", "2026-03-29T02:30:00",
    "https://u:p@Example.com:8443/a/b%20c/?q=1&q=2&e=&f#frag?x", "sftp://example.com//home/joe", "http://[::1]:80/", "mailto:a@b.c", "//x/y", "https://",
    "firstName - John , lastName - ; phone - 123", "a:1,b:2,a:3", "[1,2]", "[abc", '{"a":1}', '{"a":1,"a":2}', "{", '"x"', "nul",
])  # fmt: skip
NUMBERS = st.sampled_from([0, 1, -1, 2, 3, 5, 7, 10, 100, -7, 0.5, -0.0, 1.5, 2.5, 1e-7, 1.5e300, 1e16, 123456.789, 1782907200, 1782907200000,
                           2**31 - 1, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 3928097563762691601, 10**30, -(2**63), 0.1, 5.0])  # fmt: skip
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "type", "", "user.plan", "é"]), inner, max_size=3)
    ),
    max_leaves=6,
)
DATES = st.sampled_from(["2026-07-01", "2026-07-01T12:01:40Z", "2026-07-01 12:01:40.125", "2026-07-01T14:01:40+02:00", "2024-02-29", "2026-02-30",
                         "20260701", "12112020", "7/04/2026", "01-Jul-2026", "7/04/2026 11:30:00 pm", "2026-03-29T02:30:00", 1782907200000])  # fmt: skip
URLS = TEXTS.filter(lambda text: "/" in text or ":" in text)
OBJECTS = st.fixed_dictionaries(
    {"a": SCALARS | VALUES},
    optional={"b": NUMBERS, "type": TEXTS, "user.plan": VALUES, "": SCALARS, "é": VALUES},
)
_SHAPES = {
    "list": st.lists(OBJECTS | SCALARS, max_size=4),
    "obj": OBJECTS,
    "when": DATES,
    "url": URLS,
    "b": NUMBERS | TEXTS,
}
_ABSENT = object()


def _without_absent(event: dict[str, object]) -> str:
    return json.dumps(
        {name: value for name, value in event.items() if value is not _ABSENT}, ensure_ascii=False
    )


def _any_of(name: str) -> st.SearchStrategy[object]:
    """Generate attributes that mostly have the type that their name states, sometimes another type or no value."""
    usual = _SHAPES.get(name, SCALARS)
    return st.one_of(usual, usual, usual, VALUES, st.just(_ABSENT))


EVENTS = st.fixed_dictionaries({name: _any_of(name) for name in NAMES}).map(_without_absent)

_SMALL = st.integers(-2, 12).map(str)
_CONSTANTS: dict[str, list[str]] = {
    "FORMAT": ["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ss.SSSX", "yyyy-MM-dd HH:mm", "dd.MM.yyyy", "M/dd/yy h:mm a", "EEE, d MMM yyyy HH:mm:ss Z",
               "yyyyMMdd", "MMMM d, yyyy", "HH:mm:ss.SSS", "''yy''"],
    "REGEX": [",", " ", "[aeiou]", r"(\d+)", "([^,]+),?(.*)", r"\s+", "(?i)A", ".", r"\.", "x*", "^a", "(a)|(b)", r"\w+@\w+"],
    "CHARSET": ["UTF-8", "UTF-16", "ISO-8859-1", "US-ASCII", "utf-8"],
    "ZONE": ["Europe/Paris", "America/Los_Angeles", "UTC", "Asia/Kolkata", "+05:30"],
    "TIMEZONE": ["Europe/Paris", "America/Los_Angeles", "UTC", "Asia/Kolkata"],
    "NANOSECOND": ["0", "999000", "123456000", "-1"],
    "ANCHOR": ["retain", "remove", "append"],
}  # fmt: skip
_DATE_PARTS = ["year", "yyyy", "MM", "day", "hour", "mi", "ss"]
_READ_PARTS = [*_DATE_PARTS, "quarter", "dy", "week", "dw", "hh12", "SSS"]


def literal(text: str) -> str:
    """Return a text as a constant of the language."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else _escape(c) for c in escaped) + '"'


def _escape(character: str) -> str:
    return f"\\u{ord(character):04x}"


def attribute(name: str) -> str:
    plain = name.replace("$", "").isidentifier() and name not in ("size",)
    return f"properties.{name}" if plain else f"properties.${{{name.replace('.', chr(92) + '.')}}}"


ATTRIBUTES = st.sampled_from(NAMES).map(attribute) | st.sampled_from(
    ["properties.list[0]", "properties.list[1].a", "properties.obj.a", "properties.obj.user\\.plan", "event"]
)


@cache
def expressions(kind: Type, depth: int = 3) -> st.SearchStrategy[str]:
    """Generate expressions of the type ``kind``."""
    leaves = _leaves(kind)
    if depth == 0:
        return leaves
    calls = [call(function, depth - 1) for function in ALL if _gives(function, kind)]
    return leaves | st.one_of(calls) | st.one_of(calls)


def _leaves(kind: Type) -> st.SearchStrategy[str]:
    """Generate expressions without calls: constants of the type, and attributes, whose type depends on the row."""
    texts, numbers = TEXTS.map(literal), NUMBERS.map(json.dumps)
    constants: dict[Type, st.SearchStrategy[str]] = {
        Type.STRING: texts,
        Type.NUMBER: numbers | _SMALL,
        Type.INTEGER: _SMALL,
        Type.BOOLEAN: st.sampled_from(["true", "false"]),
        Type.DATE: st.sampled_from(["now()", 'date("2024-02-29T23:59:59.5Z")', 'date("2026-03-29 02:30", "yyyy-MM-dd HH:mm")']),
        Type.ARRAY: st.sampled_from(["[]", '["a", 1, null, true]', "[3, 1, 2]", '[{"a": 1, "type": "x"}, {"type": "y"}]']),
        Type.OBJECT: st.sampled_from(["{:}", '{"a": 1, "b": "x"}', '{"a": null, "é": [1]}']),
        Type.ANY: texts | numbers | st.sampled_from(["null", "true", "[1, 2]", '{"a": 1}']),
    }  # fmt: skip
    return ATTRIBUTES | constants[kind]


def _gives(function: Function, kind: Type) -> bool:
    if not isinstance(function.returns, Type):
        return True
    return function.returns is not Type.NULL and accepts(kind, function.returns)


def call(function: Function, depth: int) -> st.SearchStrategy[str]:
    least = sum(not p.optional for p in function.parameters)
    counts = st.integers(least, len(function.parameters))
    if function.many:
        steps = 2 if function.pairs or function.many == 2 else 1
        counts = st.integers(0, 2).map(lambda more: least + more * steps)
        if function.name in ("object_to_map", "to_map"):
            counts = st.sampled_from([1, 2, 4])
    return counts.flatmap(
        lambda count: st.tuples(*(argument(function, function.parameter(n), depth) for n in range(count)))
    ).map(lambda arguments: write(function, list(arguments)))


def argument(function: Function, parameter: Parameter, depth: int) -> st.SearchStrategy[str]:
    if parameter.names == "only":
        return st.sampled_from(['"properties.a"', "properties.obj.a", "'properties.obj.b'", "event"])
    if parameter.name == "COMPONENT":
        return st.sampled_from(_DATE_PARTS if function.name == "set_date_part" else _READ_PARTS).map(literal)
    if parameter.name in _CONSTANTS:
        constants = st.sampled_from(_CONSTANTS[parameter.name])
        return constants if parameter.type is Type.INTEGER else constants.map(literal)
    if parameter.type is Type.INTEGER:
        return _SMALL | expressions(Type.INTEGER, depth)
    return expressions(parameter.type, depth)


def write(function: Function, arguments: list[str]) -> str:
    """Return a call as written: function, method or operator."""
    name = function.name
    if name == "[...]":
        return f"[{', '.join(arguments)}]"
    if name == "{...}":
        pairs = zip(arguments[::2], arguments[1::2], strict=True)
        return "{" + ", ".join(f"({key}): {value}" for key, value in pairs) + "}" if arguments else "{:}"
    if name.isidentifier():
        if function.method:
            return f"({arguments[0]}).{name}({', '.join(arguments[1:])})"
        return f"{name}({', '.join(arguments)})"
    symbol = name.removeprefix("unary ")
    if len(arguments) == 1:
        return f"({symbol}({arguments[0]}))"
    return f"(({arguments[0]}) {symbol} ({arguments[1]}))"


ExpressionEvaluator = Callable[[list[str], list[str]], list[list[object]]]
