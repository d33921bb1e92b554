"""Words and signs of the language, and how strongly operators bind."""

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
"""Each word and the sign that means the same."""

_KEYWORDS: Final = ("new", "break", "var", "for", "while", "continue", "else", "if", "return", "_errors")
_LATER: Final = ("do", "function", "empty", "size")
"""In the newest revision only."""
RESERVED: Final = frozenset((*CONSTANTS, *WORD_OPERATORS, *_KEYWORDS, *_LATER))
"""A field of such a name is written ``${name}`` (EP:data-prep/functions.md, newest revision)."""

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
"""Binary operators; the higher binds first. JEXL's grammar [I]: Adobe documents no precedence."""

NOT_CHAINED: Final = (6, 7)
"""``a < b < c`` is no expression."""

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
"""How deep the tree of an expression may be, and how many brackets may be open in its text [I]: Adobe names no
bound, but reading and evaluating are recursive."""
