"""Words and signs of the language, and the precedence of operators."""

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
"""Each word and the sign with the same meaning."""

_KEYWORDS: Final = ("new", "break", "var", "for", "while", "continue", "else", "if", "return", "_errors")
_LATER: Final = ("do", "function", "empty", "size")
"""In the newest revision only."""
RESERVED: Final = frozenset((*CONSTANTS, *WORD_OPERATORS, *_KEYWORDS, *_LATER))
"""A field with such a name is written ``${name}`` (EP:data-prep/functions.md, newest revision)."""

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
"""Binary operators; higher numbers bind first. JEXL's grammar [I]: Adobe documents no precedence."""

NOT_CHAINED: Final = (6, 7)
"""``a < b < c`` is not a valid expression."""

UNARY: Final = ("-", "+", "~", "!", "empty", "size")

SIGNS: Final = sorted(
    [*BINDING, "?:", "->", "!", "~", "?", ":", ",", ".", "(", ")", "[", "]", "{", "}"],
    key=len,
    reverse=True,
)

LONGEST: Final = 4096
"""Characters of a calculated field (EP:data-prep/troubleshooting-guide.md)."""

DEEPEST: Final = 100
MOST_BRACKETS: Final = 40
"""Maximum depth of an expression's tree, and of open brackets in its text [I]: Adobe documents no limit, but parsing
and evaluation are recursive."""
