"""String functions that add or remove characters at the ends of a text (EP:data-prep/functions.md#string)."""

from __future__ import annotations

from include.xdm.dataprep.functions.registry import Function, required
from include.xdm.dataprep.language.errors import Failure
from include.xdm.dataprep.language.types import Type

CATEGORY = "String"
_SPACE = "DuckDB trims only blanks"
_CUT = "DuckDB cuts texts that are already longer"
_LONGEST = 100_000


def lpad(text: str | None, count: int, padding: str | None) -> str:
    """Return the text, padded at its beginning to ``count`` characters; a longer text is unchanged."""
    return _padding(text, count, padding) + (text or "")


def rpad(text: str | None, count: int, padding: str | None) -> str:
    """Return the text, padded at its end to ``count`` characters; a longer text is unchanged."""
    return (text or "") + _padding(text, count, padding)


def _padding(text: str | None, count: int, padding: str | None) -> str:
    if count > _LONGEST:
        raise Failure(f"more than {_LONGEST} characters")
    missing = max(0, count - len(text or ""))
    return ((padding or " ") * missing)[:missing]


def trim(text: str) -> str:
    """Return the text without white space at both ends."""
    return text.strip()


def ltrim(text: str) -> str:
    """Return the text without white space at its beginning."""
    return text.lstrip()


def rtrim(text: str) -> str:
    """Return the text without white space at its end."""
    return text.rstrip()


_INPUT = required("INPUT", Type.STRING)
_COUNT = required("COUNT", Type.INTEGER)
_PAD = (
    required("INPUT", Type.STRING, nullable=True),
    _COUNT,
    required("PADDING", Type.STRING, nullable=True),
)

FUNCTIONS = [
    Function(
        "lpad", CATEGORY, _PAD, Type.STRING, python=lpad, because=_CUT,
        examples=(('lpad("bat", 8, "yz")', "yzyzybat"),),
    ),
    Function(
        "rpad", CATEGORY, _PAD, Type.STRING, python=rpad, because=_CUT,
        examples=(('rpad("bat", 8, "yz")', "batyzyzy"),),
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
]  # fmt: skip
