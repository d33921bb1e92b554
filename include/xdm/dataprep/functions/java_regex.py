"""Translate Java's regular expressions to Python's, and refuse those that may take too long."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache

from include.xdm.dataprep.regex_cost.may_explode import may_explode

_POSIX = {
    "Lower": "a-z", "Upper": "A-Z", "ASCII": r"\x00-\x7f", "Alpha": "a-zA-Z", "Digit": "0-9", "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~", "Graph": "!-~", "Print": " -~", "Blank": r" \t", "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F", "Space": r" \t\n\x0b\f\r",
}  # fmt: skip
_LINE_ENDS = r"\n\r\u0085\u2028\u2029"
_CATEGORIES = {"L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pd", "Ps", "Pe", "Pc", "Po", "Pi", "Pf",
               "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Co", "Cn"}  # fmt: skip
_PIECE = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|$)|\\(?P<sign>[pP])(?:\{(?P<property>\w+)\}|(?P<letter>\w))"
    r"|\\(?P<escaped>.)|\(\?<(?P<group>[A-Za-z]\w*)>|(?P<one>.)",
    re.DOTALL,
)


MOST_CHARACTERS = 10_000
"""The maximum length of an expression and of a text: the time grows with the square of the text's length or faster."""


class TooLong(ValueError):
    """A regular expression, or the text to match, has more than ``MOST_CHARACTERS`` characters."""


def limited(text: str) -> str:
    """Return the text unchanged if it is short enough for a regular expression.

    Raises:
        TooLong: the text has more than ``MOST_CHARACTERS`` characters.
    """
    if len(text) > MOST_CHARACTERS:
        raise TooLong(
            f"the text has more than {MOST_CHARACTERS} characters, too many for a regular expression"
        )
    return text


@lru_cache(256)
def compiled(pattern: str) -> re.Pattern[str]:
    r"""Compile a Java regular expression to a Python one that matches the same texts.

    ``\\d``, ``\\w``, ``\\s`` and ignoring case apply to ASCII, and the dot does not match Java's line ends.

    Raises:
        ValueError: it is invalid, has a construct that Python lacks, or may take exponentially long.
    """
    try:
        translated = _translated(limited(pattern))
        compiled_pattern = re.compile(translated, re.ASCII)
        explodes = may_explode(translated, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{pattern!r} is not a valid regular expression: {error}") from None
    if explodes:
        raise ValueError(
            f"the regular expression {pattern[:200]!r} may take exponentially long: a repetition in it reads the same text in "
            "more than one way, as (a+)+ does"
        )
    return compiled_pattern


def _translated(pattern: str) -> str:
    out: list[str] = []
    inside = 0
    for piece in _PIECE.finditer(pattern):
        one = piece["one"]
        if piece["quoted"] is not None:
            out.append(re.escape(piece["quoted"]))
        elif piece["sign"]:
            out.append(_property(piece, inside))
        elif piece["escaped"]:
            out.append(_escaped(piece["escaped"], inside))
        elif piece["group"]:
            out.append(f"(?P<{piece['group']}>")
        elif one == "[":
            if inside:
                raise ValueError("a […] inside […] is not supported")
            inside = 1
            out.append(one)
        elif one == "]":
            inside = 0
            out.append(one)
        elif inside and one == "&" and pattern[piece.end() : piece.end() + 1] == "&":
            raise ValueError("&& inside […] is not supported")
        else:
            out.append(f"[^{_LINE_ENDS}]" if one == "." and not inside else str(one))
    return "".join(out)


def _property(piece: re.Match[str], inside: int) -> str:
    ranges = _ranges(piece["property"] or piece["letter"])
    negated = piece["sign"] == "P"
    if inside and negated:
        raise ValueError(f"{piece.group()} inside […] is not supported")
    return ranges if inside else f"[{'^' if negated else ''}{ranges}]"


def _escaped(letter: str, inside: int) -> str:
    if letter == "z":
        return r"\Z"
    if letter == "Z":
        return rf"(?=(?:\r\n|[{_LINE_ENDS}])?\Z)"
    if letter == "h":
        return r" \t\u00a0" if inside else r"[ \t\u00a0]"
    if letter == "R":
        return rf"(?:\r\n|[{_LINE_ENDS}\x0b\f])"
    if letter == "e":
        return r"\x1b"
    if letter in "GXkc":
        raise ValueError(f"\\{letter} is not supported")
    return "\\" + letter


@lru_cache(64)
def _ranges(name: str) -> str:
    r"""Return the characters of ``\p{name}``, a POSIX class or a Unicode category, as the inside of ``[...]``."""
    if name in _POSIX:
        return _POSIX[name]
    category = name.removeprefix("Is")
    if category not in _CATEGORIES:
        raise ValueError(f"\\p{{{name}}} is not supported")
    parts, first = [], -1
    for code in range(sys.maxunicode + 2):
        belongs = code <= sys.maxunicode and unicodedata.category(chr(code)).startswith(category)
        if belongs and first < 0:
            first = code
        elif not belongs and first >= 0:
            parts.append(f"\\U{first:08x}-\\U{code - 1:08x}")
            first = -1
    return "".join(parts)
