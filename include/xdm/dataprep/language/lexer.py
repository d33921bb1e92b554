"""Split the text of an expression into tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.words import LENGTH_LIMIT

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>0[xX][0-9a-fA-F]+ | \d+(?:\.\d+)?(?:[eE][+-]?\d+)?[lLhHfFdDbB]?(?![\w$]))
  | (?P<string>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
  | (?P<wrapped>\$\{[^}]*\})
  | (?P<name>(?:[^\W\d]|\$(?!\{)|\\.)(?:[\w$]|\\.)*)
  | (?P<symbol>->|=~|!~|=\^|!\^|=\$|!\$|&&|\|\||==|!=|<=|>=|\?:|\?\?|[-+*/%&|^~!<>?:.,()\[\]{}=;])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
_UNICODE = re.compile(r"[0-9a-fA-F]{4}")


class Token(NamedTuple):
    """A token of an expression.

    ``kind``: a group of ``_TOKEN``, or ``end``; ``position``: its offset in the expression.
    """

    kind: str
    text: str
    position: int

    def __str__(self) -> str:
        return f"{self.text!r} at position {self.position + 1}" if self.kind != "end" else "its end"


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of an expression: white space is left out, and a token of kind ``end`` is added.

    Raises:
        LanguageError: a character cannot begin a token, or the expression is too long.
    """
    if len(text) > LENGTH_LIMIT:
        raise LanguageError(f"it has {len(text)} characters; Data Prep accepts at most {LENGTH_LIMIT}")
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise LanguageError(_fault(text, at))
        if match.lastgroup != "space":
            yield Token(match.lastgroup, match.group(), at)
        at = match.end()
    yield Token("end", "", at)


def _fault(text: str, at: int) -> str:
    for opening, what in (('"', "string"), ("'", "string"), ("${", "wrapped name")):
        if text.startswith(opening, at):
            return f"the {what} that begins at position {at + 1} has no end"
    if text[at].isdigit():
        return f"invalid number at position {at + 1}; write a name that begins with a digit as ${{...}}"
    return f"{text[at]!r} at position {at + 1} is not allowed here; write a name with special characters as ${{...}}"


def string_value(token: str) -> str:
    r"""Return the content of a string token, without quotes and escapes.

    A backslash escapes n, t, r, uXXXX, a quote or a backslash. Any other backslash is kept, so that regular
    expressions need no double backslashes.
    """
    inside = token[1:-1]
    out: list[str] = []
    at = 0
    while (found := inside.find("\\", at)) >= 0:
        out.append(inside[at:found])
        following = inside[found + 1]
        code = _UNICODE.match(inside, found + 2)
        at = found + 2
        if following == "u" and code:
            out.append(chr(int(code.group(), 16)))
            at = code.end()
        else:
            out.append(_ESCAPED.get(following, "\\" + following))
    value = "".join([*out, inside[at:]])
    try:  # two escaped surrogates are one character
        return value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise LanguageError(
            f"the string {token} contains half of a surrogate pair, which is not valid text"
        ) from None


def number_text(token: str) -> str:
    """Return the number in a number token as JSON text."""
    if token[:2].lower() == "0x":
        return str(int(token, 16))
    text = token.rstrip("lLhHfFdDbB")
    if text.isdigit():
        return str(int(text))
    return repr(float(text))
