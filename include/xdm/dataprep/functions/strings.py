"""String functions (EP:data-prep/functions.md#string). Positions count from 0, in characters."""

from __future__ import annotations

from include.xdm.dataprep.functions.registry import Function, optional, required
from include.xdm.dataprep.functions.values import Json, array, json_text, text_of
from include.xdm.dataprep.language.errors import Failure
from include.xdm.dataprep.language.types import Type

CATEGORY = "String"
_CASE = "DuckDB converts single characters; Java converts straße to STRASSE"
_FROM_END = "DuckDB counts negative numbers from the end"


def concat(*texts: str) -> str:
    """Return SQL that joins texts; nulls are skipped."""
    return f"concat({', '.join(texts)})" if texts else "''"


def replacestr(text: str, find: str, replacement: str) -> str:
    """Return SQL that replaces each occurrence of ``find`` in ``text`` by ``replacement``."""
    return f"replace({text}, {find}, {replacement})"


def lower(text: str) -> str:
    """Return the text in lower case."""
    return text.lower()


def upper(text: str) -> str:
    """Return the text in upper case."""
    return text.upper()


def substr(text: str, start: int, length: int) -> str:
    """Return the part of the text that begins at ``start`` and has ``length`` characters."""
    if start < 0 or length < 0:
        raise Failure("a position is below 0")
    return text[start : start + length]


def left(text: str, count: int) -> str:
    """Return the first ``count`` characters of the text."""
    return text[: max(count, 0)]


def right(text: str, count: int) -> str:
    """Return the last ``count`` characters of the text."""
    return text[-count:] if count > 0 else ""


def instr(text: str, wanted: str, start: int, occurrence: int) -> int:
    """Return the position in the text of the n-th ``occurrence`` of ``wanted`` from ``start`` on; -1 if not found."""
    if occurrence < 1:
        raise Failure("an occurrence counts from 1")
    found = max(start, 0) - 1
    for _ in range(min(occurrence, len(text) + 2)):
        found = text.find(wanted, found + 1)
        if found < 0:
            return -1
    return found


def split(text: str, separators: str) -> list[Json]:
    """Split a text at each of the characters in ``separators``; return the parts that are not empty, as JSON strings.

    Empty parts are left out as the documentation's note says. The backslash "needs to be escaped": two backslashes are
    one separator.
    """
    separators = separators.replace("\\\\", "\\")
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    parts = text.split(separators[0]) if separators else [text]
    return [json_text(part) for part in parts if part]


def join(separator: str, items: list[Json]) -> str | None:
    """Join the values, and the items of arrays among them, to one text; nulls are skipped. None for a single null."""
    flat = [part for item in items for part in (array(item) if item.startswith("[") else [item])]
    if items == ["null"]:
        return None
    return separator.join(text_of(item) for item in flat if item != "null")


def equals(one: str, other: str) -> str:
    """Return SQL that tests whether two values are equal as texts; null if ``one`` is null."""
    return f"CASE WHEN {one} IS NOT NULL THEN coalesce({one} = {other}, false) END"


def equals_ignore_case(one: str, other: str | None) -> bool:
    """Return whether two texts are equal without case, compared by character as in Java: ß and SS differ."""
    if other is None:
        return False
    return len(one) == len(other) and all(map(_alike, one, other))


def _alike(one: str, other: str) -> bool:
    return one == other or one.upper() == other.upper() or one.lower() == other.lower()


_INPUT = required("INPUT", Type.STRING)
_COUNT = required("COUNT", Type.INTEGER)
_BOTH = (required("STRING1", Type.STRING), required("STRING2", Type.STRING, nullable=True))

FUNCTIONS = [
    Function(
        "concat", CATEGORY, (required("STRING", Type.STRING, nullable=True),), Type.STRING,
        sql=concat, many=1, may_be_empty=True,
        note="Nulls are skipped.",
        examples=(('concat("Hi, ", "there", "!")', "Hi, there!"),),
    ),
    Function(
        "instr", CATEGORY,
        (_INPUT, required("SUBSTRING", Type.STRING), optional("START_POSITION", Type.INTEGER, "0"), optional("OCCURRENCE", Type.INTEGER, "1")),
        Type.INTEGER, python=instr, because="DuckDB has no start or occurrence", note="-1 if it is not found.",
        examples=(('instr("adobe.com", "com")', 6),),
    ),
    Function(
        "replacestr", CATEGORY, (_INPUT, required("TO_FIND", Type.STRING), required("TO_REPLACE", Type.STRING)), Type.STRING,
        sql=replacestr,
        examples=(('replacestr("This is a string re test", "re", "replace")', "This is a string replace test"),),
    ),
    Function(
        "substr", CATEGORY, (_INPUT, required("START_INDEX", Type.INTEGER), required("LENGTH", Type.INTEGER)), Type.STRING,
        python=substr, because=_FROM_END, note="A negative position fails.",
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
        python=split, because="each separator splits, and empty parts are left out",
        examples=(('split("Hello world", " ")', ["Hello", "world"]),),
    ),
    Function(
        "join", CATEGORY, (required("SEPARATOR", Type.STRING), required("OBJECTS", Type.ANY)), Type.STRING,
        python=join, many=1, because="the values are of any type", note="Joins an array's items, or values; nulls are skipped.",
        examples=(('join(" ", to_array(true, "Hello", "world"))', "Hello world"),),
    ),
    Function(
        "left", CATEGORY, (_INPUT, _COUNT), Type.STRING,
        python=left, because=_FROM_END,
        examples=(('left("abcde", 2)', "ab"),),
    ),
    Function(
        "right", CATEGORY, (_INPUT, _COUNT), Type.STRING,
        python=right, because=_FROM_END,
        examples=(('right("abcde", 2)', "de"),),
    ),
    Function(
        "equals", CATEGORY, _BOTH, Type.BOOLEAN, method=True,
        sql=equals,
        note="Compares both as texts.",
        examples=(('"string1".equals("STRING1")', False),),
    ),
    Function(
        "equalsIgnoreCase", CATEGORY, _BOTH, Type.BOOLEAN, python=equals_ignore_case, method=True,
        because=_CASE, examples=(('"string1".equalsIgnoreCase("STRING1")', True),),
    ),
]  # fmt: skip
