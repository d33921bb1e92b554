"""Reserved words, signs and size limits of the expression language, and the precedence of its operators."""

from __future__ import annotations

from typing import Final

CONSTANTS: Final = {"true": True, "false": False, "null": None}

WORD_OPERATORS: Final = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "div": "/",
    "mod": "%",
}
"""Operators that are words, and for each the sign with the same meaning."""

_KEYWORDS: Final = ("new", "break", "var", "for", "while", "continue", "else", "if", "return", "_errors")
_LATER: Final = ("do", "function", "empty", "size")
"""Words that only the newest revision of Adobe's document reserves."""
RESERVED: Final = frozenset((*CONSTANTS, *WORD_OPERATORS, *_KEYWORDS, *_LATER))
"""Words that are not field names; a field of this name is written ``${name}`` (EP:data-prep/functions.md)."""

BINDING: Final = {
    "||": 1,
    "&&": 2,
    "|": 3,
    "^": 4,
    "&": 5,
    "==": 6,
    "!=": 6,
    **dict.fromkeys(("<", "<=", ">", ">=", "=~", "!~", "=^", "!^", "=$", "!$"), 7),
    "+": 8,
    "-": 8,
    "*": 9,
    "/": 9,
    "%": 9,
}
"""Precedence of the binary operators: higher numbers bind first. From JEXL's grammar [I]; Adobe documents none."""

NOT_CHAINED: Final = (6, 7)
"""Precedences of the comparisons, which cannot be chained: ``a < b < c`` is not a valid expression."""

UNARY: Final = ("-", "+", "~", "!", "empty", "size")

SIGNS: Final = sorted(
    [*BINDING, "?:", "->", "!", "~", "?", ":", ",", ".", "(", ")", "[", "]", "{", "}"],
    key=len,
    reverse=True,
)

LONGEST: Final = 4096
"""Maximum number of characters of a calculated field (EP:data-prep/troubleshooting-guide.md)."""

DEEPEST: Final = 100
MOST_BRACKETS: Final = 40
"""``DEEPEST`` limits the depth of an expression's tree, ``MOST_BRACKETS`` the depth of its open brackets [I].
Adobe documents no limit, but parsing and evaluation are recursive."""
