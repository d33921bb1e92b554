"""Reserved words, operators with their precedence, and limits of the expression language."""

from __future__ import annotations

LENGTH_LIMIT = 4096  # EP:data-prep/home.md, calculated fields

NESTING_LIMIT = 30
HEIGHT_LIMIT = 60
"""The maximum height of an expression's tree; each level is a nested level of the SQL query."""


RESERVED = frozenset(
    [
        "new",
        "mod",
        "or",
        "break",
        "var",
        "lt",
        "for",
        "false",
        "while",
        "eq",
        "gt",
        "div",
        "not",
        "null",
        "continue",
        "else",
        "and",
        "ne",
        "true",
        "le",
        "if",
        "ge",
        "return",
        "_errors",
        "do",
        "function",
        "empty",
        "size",
    ]
)
"""Words that are not field names unless they are wrapped in ${} (EP:data-prep/functions.md)."""

BINARY: list[dict[str, str]] = [  # from the lowest to the highest precedence, as in JEXL; the words are alternative spellings
    {"||": "||", "or": "||"},
    {"&&": "&&", "and": "&&"},
    {"|": "|"},
    {"^": "^"},
    {"&": "&"},
    {"==": "==", "eq": "==", "!=": "!=", "ne": "!="},
    {"<": "<", "lt": "<", "<=": "<=", "le": "<=", ">": ">", "gt": ">", ">=": ">=", "ge": ">=",
     "=~": "=~", "!~": "!~", "=^": "=^", "!^": "!^", "=$": "=$", "!$": "!$"},
    {"+": "+", "-": "-"},
    {"*": "*", "/": "/", "div": "/", "%": "%", "mod": "%"},
]  # fmt: skip
UNCHAINED = (5, 6)
UNARY = {"!": "!", "not": "!", "-": "unary -", "~": "~", "+": "unary +"}
CONSTANTS = {"true": True, "false": False, "null": None}
