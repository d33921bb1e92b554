"""String functions (EP:data-prep/functions.md#string). Positions count from 0, in characters."""

from __future__ import annotations

from include.xdm.functions.registry import Failure, Function, optional, required
from include.xdm.functions.values import Json, json_text, text_of
from include.xdm.language.types import Type

CATEGORY = "String"
_CASE = "DuckDB changes one character for one; Java makes STRASSE of straße"
_SPACE = "DuckDB trims blanks only"
_CUT = "DuckDB cuts what is longer already"
_LONGEST = 1_000_000

WHITESPACE = "".join(map(chr, (*range(9, 14), *range(28, 33), 0x1680, *range(0x2000, 0x2007), *range(0x2008, 0x200B),
                               0x2028, 0x2029, 0x205F, 0x3000)))  # fmt: skip
"""Java's Character.isWhitespace: no-break spaces are none, and neither is U+0085."""


def lower(text: str) -> str:
    return text.lower()


def upper(text: str) -> str:
    return text.upper()


def trim(text: str) -> str:
    return text.strip(WHITESPACE)


def ltrim(text: str) -> str:
    return text.lstrip(WHITESPACE)


def rtrim(text: str) -> str:
    return text.rstrip(WHITESPACE)


def substr(text: str, start: int, length: int) -> str:
    if start < 0 or length < 0:
        raise Failure("a position is below 0")
    return text[start : start + length]


def instr(text: str, wanted: str, start: int | None, occurrence: int | None) -> int:
    """The position, or -1."""
    found = (start or 0) - 1
    for _ in range(1 if occurrence is None else occurrence):
        found = text.find(wanted, found + 1)
        if found < 0:
            return -1
    return found


def split(text: str, separators: str) -> list[Json]:
    """At any of the characters; what is empty is left out, as the documentation's note says."""
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    parts = text.split(separators[0]) if separators else [text]
    return [json_text(part) for part in parts if part]


def join(separator: str, items: list[Json]) -> str:
    return separator.join(text_of(item) or "" for item in items)


def lpad(text: str, count: int, padding: str | None) -> str:
    return _padding(text, count, padding) + text


def rpad(text: str, count: int, padding: str | None) -> str:
    return text + _padding(text, count, padding)


def _padding(text: str, count: int, padding: str | None) -> str:
    if count > _LONGEST:
        raise Failure(f"more than {_LONGEST} characters")
    missing = max(0, count - len(text))
    return ((padding or " ") * missing)[:missing]


def equals_ignore_case(one: str | None, other: str | None) -> bool:
    """As Java compares: character by character, so that ß and SS differ."""
    if one is None or other is None:
        return one is other
    return len(one) == len(other) and all(map(_alike, one, other))


def _alike(one: str, other: str) -> bool:
    return one == other or one.upper() == other.upper() or one.lower() == other.lower()


def _within(count: str) -> str:
    """DuckDB counts a negative number from the other end, and refuses what is above 32 bits."""
    return f"least(greatest({count}, 0), {2**31 - 1})"


_INPUT = required("INPUT", Type.STRING)
_COUNT = required("COUNT", Type.INTEGER)
_BOTH = (required("STRING1", Type.STRING), required("STRING2", Type.STRING))
_PAD = (_INPUT, _COUNT, optional("PADDING", Type.STRING))

FUNCTIONS = [
    Function(
        "concat", CATEGORY, (required("STRING", Type.STRING),), Type.STRING,
        sql=lambda *texts: f"concat({', '.join(texts)})", many=1, nulls=True,
        note="A null adds nothing.",
        examples=(('concat("Hi, ", "there", "!")', "Hi, there!"),),
    ),
    Function(
        "instr", CATEGORY,
        (_INPUT, required("SUBSTRING", Type.STRING), optional("START_POSITION", Type.INTEGER), optional("OCCURRENCE", Type.INTEGER)),
        Type.INTEGER, python=instr, because="DuckDB knows neither start nor occurrence", note="-1: it is not there.",
        examples=(('instr("adobe.com", "com")', 6),),
    ),
    Function(
        "replacestr", CATEGORY, (_INPUT, required("TO_FIND", Type.STRING), required("TO_REPLACE", Type.STRING)), Type.STRING,
        sql=lambda text, find, put: f"replace({text}, {find}, {put})",
        examples=(('replacestr("This is a string re test", "re", "replace")', "This is a string replace test"),),
    ),
    Function(
        "substr", CATEGORY, (_INPUT, required("START_INDEX", Type.INTEGER), required("LENGTH", Type.INTEGER)), Type.STRING,
        python=substr, because="a negative position fails; to DuckDB it counts from the end",
        examples=(('substr("This is a substring test", 7, 8)', " a subst"),),
    ),
    Function(
        "lower", CATEGORY, (_INPUT,), Type.STRING, python=lower, because=_CASE, other_names=("lcase",),
        examples=(('lower("HeLLo")', "hello"), ('lcase("HeLLo")', "hello")),
    ),
    Function(
        "upper", CATEGORY, (_INPUT,), Type.STRING, python=upper, because=_CASE, other_names=("ucase",),
        examples=(('upper("HeLLo")', "HELLO"), ('ucase("HeLLo")', "HELLO")),
    ),
    Function(
        "split", CATEGORY, (_INPUT, required("SEPARATOR", Type.STRING)), Type.ARRAY,
        python=split, because="any of several separators splits, and empty parts are left out",
        examples=(('split("Hello world", " ")', ["Hello", "world"]),),
    ),
    Function(
        "join", CATEGORY, (required("SEPARATOR", Type.STRING), required("OBJECTS", Type.ARRAY)), Type.STRING,
        python=join, because="the values are of any type", note="A null joins as nothing.",
        examples=(('join(" ", to_array(true, "Hello", "world"))', "Hello world"),),
    ),
    Function(
        "lpad", CATEGORY, _PAD, Type.STRING, python=lpad, because=_CUT,
        examples=(('lpad("bat", 8, "yz")', "yzyzybat"),),
    ),
    Function(
        "rpad", CATEGORY, _PAD, Type.STRING, python=rpad, because=_CUT,
        examples=(('rpad("bat", 8, "yz")', "batyzyzy"),),
    ),
    Function(
        "left", CATEGORY, (_INPUT, _COUNT), Type.STRING,
        sql=lambda text, count: f"left({text}, {_within(count)})",
        examples=(('left("abcde", 2)', "ab"),),
    ),
    Function(
        "right", CATEGORY, (_INPUT, _COUNT), Type.STRING,
        sql=lambda text, count: f"right({text}, {_within(count)})",
        examples=(('right("abcde", 2)', "de"),),
    ),
    Function(
        "ltrim", CATEGORY, (_INPUT,), Type.STRING, python=ltrim, because=_SPACE,
        examples=(('ltrim(" hello")', "hello"),),
    ),
    Function(
        "rtrim", CATEGORY, (_INPUT,), Type.STRING, python=rtrim, because=_SPACE,
        examples=(('rtrim("hello ")', "hello"),),
    ),
    Function(
        "trim", CATEGORY, (_INPUT,), Type.STRING, python=trim, because=_SPACE,
        examples=(('trim(" hello ")', "hello"),),
    ),
    Function(
        "equals", CATEGORY, _BOTH, Type.BOOLEAN, method=True, nulls=True,
        sql=lambda one, other: f"({one} IS NOT DISTINCT FROM {other})",
        examples=(('"string1".equals("STRING1")', False),),
    ),
    Function(
        "equalsIgnoreCase", CATEGORY, _BOTH, Type.BOOLEAN, python=equals_ignore_case, method=True, nulls=True,
        because=_CASE, examples=(('"string1".equalsIgnoreCase("STRING1")', True),),
    ),
]  # fmt: skip
