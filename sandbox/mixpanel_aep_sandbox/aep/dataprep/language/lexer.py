"""The lexer: converts the text of an expression into tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from mixpanel_aep_sandbox.aep.dataprep.exact_numbers import exact
from mixpanel_aep_sandbox.aep.dataprep.language.errors import SyntaxFault
from mixpanel_aep_sandbox.aep.dataprep.language.words import (
    CONSTANTS,
    LONGEST,
    RESERVED,
    SIGNS,
    WORD_OPERATORS,
)

Kind = Literal["field", "name", "word", "constant", "sign", "end"]

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?[lLhHbBfFdD]?")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_CODE = re.compile(r"u([0-9a-fA-F]{4})")


@dataclass(frozen=True)
class Token:
    """A token of an expression: a name, a keyword, a constant, a sign, or the end of the text."""

    kind: Kind
    value: Any
    """For ``field``, a tuple of names from the root down; for ``constant``, the value; otherwise the text."""
    at: int
    """Index of the token's first character, from 0."""

    @property
    def ends_operand(self) -> bool:
        """Return whether an operand may end with this token, so that a binary operator may follow."""
        if self.kind == "word":
            return self.value in CONSTANTS
        return self.kind != "sign" or self.value in (")", "]", "}")


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of an expression in the order of the text, then one of kind ``end``. Raises SyntaxFault."""
    if len(text) > LONGEST:
        raise SyntaxFault(f"An expression may have at most {LONGEST} characters; this one has {len(text)}.")
    at, last = 0, Token("sign", "", 0)
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        last, at = _token(text, at, last)
        yield last
    yield Token("end", "", len(text))


def _token(text: str, at: int, last: Token) -> tuple[Token, int]:
    """Return the token at an index, and the index after it.

    Args:
        text: The expression.
        at: The index.
        last: The previous token, which determines the meaning of some signs.
    """
    letter = text[at]
    if letter in "\"'":
        value, end = _quoted(text, at)
        return Token("constant", value, at), end
    if letter.isascii() and letter.isdigit():
        return _number(text, at)
    if text.startswith("${", at):
        names, end = wrapped(text, at)
        return Token("field", tuple(names), at), end
    if begins_name(letter):
        return _name(text, at)
    sign = next((sign for sign in SIGNS if text.startswith(sign, at)), None)
    if sign is None:
        hint = "; '==' compares" if letter == "=" else ""
        raise SyntaxFault(f"Unexpected character {letter!r}{hint}.", at)
    if sign in ("!$", "!^", "!~") and not last.ends_operand:
        sign = "!"  # `!$wifi` negates the field $wifi: the operator `!$` would need a left operand
    return Token("sign", sign, at), at + len(sign)


def begins_name(letter: str) -> bool:
    """Return whether a field or function name may begin with this character."""
    return letter.isalpha() or letter in "$_\\"


def _name(text: str, at: int) -> tuple[Token, int]:
    """Return the name, keyword or word operator at index ``at``, and the index after it."""
    name, end, escaped = [], at, False
    while end < len(text) and (text[end].isalnum() or text[end] in "$_\\"):
        if text[end] == "\\":
            part, end = escape(text, end)
            name.append(part)
            escaped = True
        else:
            name.append(text[end])
            end += 1
    whole = "".join(name)
    if escaped:
        return Token("field", (whole,), at), end
    if whole in WORD_OPERATORS:
        return Token("sign", WORD_OPERATORS[whole], at), end
    return Token("word" if whole in RESERVED else "name", whole, at), end


def escape(text: str, at: int) -> tuple[str, int]:
    r"""Return the character that the escape sequence at an index means, and the index after the sequence.

    Two backslashes and a point also mean a point, because JSON writes one backslash as two.
    """
    if text.startswith("\\\\.", at):
        return ".", at + 3
    if at + 1 == len(text):
        raise SyntaxFault("The expression ends with a backslash.", at)
    return text[at + 1], at + 2


def wrapped(text: str, at: int) -> tuple[list[str], int]:
    """Return the names of the ``${...}`` at ``at``, which unescaped points separate, and the index after its ``}``."""
    names, end = [""], at + 2
    while end < len(text) and text[end] != "}":
        if text[end] == "\\":
            part, end = escape(text, end)
            names[-1] += part
            continue
        if text[end] == ".":
            names.append("")
        else:
            names[-1] += text[end]
        end += 1
    if end == len(text):
        raise SyntaxFault("'${' has no '}'.", at)
    if not all(names):
        raise SyntaxFault("A field's name is empty.", at)
    return names, end + 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    """Return the content of the quoted string at ``at``, and the index after its closing quote.

    A backslash before any other character is part of the content, so that regular expressions need no double backslash.
    """
    parts, end, quote = [], at + 1, text[at]
    while end < len(text) and text[end] != quote:
        if text[end] != "\\" or end + 1 == len(text):
            parts.append(text[end])
            end += 1
            continue
        follows = text[end + 1]
        code = _CODE.match(text, end + 1)
        if code:
            parts.append(chr(int(code[1], 16)))
            end = code.end()
            continue
        parts.append(follows if follows in "\\\"'" else _ESCAPES.get(follows, "\\" + follows))
        end += 2
    if end == len(text):
        raise SyntaxFault("The string has no closing quote.", at)
    return _combine_surrogates("".join(parts), at), end + 1


def _combine_surrogates(text: str, at: int) -> str:
    """Combine UTF-16 surrogate pairs, which two Unicode escapes can create, into single characters."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        raise SyntaxFault("The text contains a lone surrogate.", at) from error


def _number(text: str, at: int) -> tuple[Token, int]:
    """Return the number literal at index ``at``, and the index after it."""
    found = _NUMBER.match(text, at)
    assert found is not None
    written, end = found[0], found.end()
    if end < len(text) and (text[end].isalnum() or text[end] in "$_"):
        raise SyntaxFault(f"A number cannot be followed by {text[end]!r}.", end)
    return Token("constant", _value_of(written, at), at), end


def _value_of(written: str, at: int) -> int | float | Decimal:
    """Return the value of a number literal. JEXL's suffixes: L, H for integers, B for a decimal, F, D for doubles."""
    if written[:2] in ("0x", "0X"):
        return int(written, 16)
    bare, suffix = (written[:-1], written[-1].upper()) if written[-1].isalpha() else (written, "")
    if suffix in ("L", "H", "") and bare.isdigit():
        return int(bare)
    try:
        number = Decimal(bare)
    except InvalidOperation as error:  # an exponent with too many digits
        raise SyntaxFault("The number is too large.", at) from error
    if suffix in ("L", "H"):
        raise SyntaxFault(f"{written} is not an integer.", at)
    return number if suffix == "B" else exact(number)
