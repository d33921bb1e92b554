"""Java-like regular expressions with limited cost, by the engine RE2, which matches in linear time.

Java's engine, which Adobe uses, backtracks and can take exponential time. Patterns that RE2 does not support (back
references, lookahead and lookbehind, possessive repetition) raise an EvaluationError. PyArrow includes RE2.
"""

from __future__ import annotations

import re
from typing import Any

from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_LONGEST_PATTERN = 1000


def matches_whole_text(text: str, pattern: str) -> bool:
    """Return whether ``pattern`` matches the whole ``text``. Raises EvaluationError for an invalid pattern."""
    found: bool = _run("match_substring_regex", text, rf"\A(?:{pattern})\z", pattern)
    return found


def groups(text: str, pattern: str) -> list[str] | None:
    """Return the first match and then the text of each of its groups; None if nothing matches.

    Raises EvaluationError for an invalid pattern.
    """
    named, count = _name_groups(pattern)
    found = _run("extract_regex", text, f"(?P<g0>{named})", pattern)
    return None if found is None else [found[f"g{n}"] for n in range(count + 1)]


def split(text: str, pattern: str) -> list[str]:
    """Split a text at the matches of a pattern; the result includes empty parts.

    Adobe's ``explode`` returns "all indices, including nulls", in contrast to its ``split``
    (EP:data-prep/functions.md#string). Raises EvaluationError for an invalid pattern.
    """
    parts: list[str] = [text] if not text else _run("split_pattern_regex", text, pattern, pattern)
    return parts


def _run(function: str, text: str, pattern: str, original: str) -> Any:
    """Apply one of PyArrow's functions for regular expressions to one text, and return the function's result.

    Args:
        function: The name of the function in ``pyarrow.compute``.
        text: The text.
        pattern: The regular expression for RE2.
        original: The regular expression as the user wrote it, for the error's text.

    Raises:
        EvaluationError: the regular expression is invalid or too long.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(original) > _LONGEST_PATTERN:
        raise EvaluationError(f"A regular expression may have at most {_LONGEST_PATTERN} characters.")
    try:
        return getattr(pc, function)(pa.array([text]), pattern=_with_java_dots(pattern))[0].as_py()
    except UnicodeEncodeError as error:
        raise EvaluationError("The text contains a lone surrogate.") from error
    except pa.ArrowInvalid as error:
        reason = str(error).removeprefix("Invalid regular expression: ")
        raise EvaluationError(
            f"The sandbox cannot use the regular expression {original!r}: {reason}"
        ) from error


def _with_java_dots(pattern: str) -> str:
    """Replace each dot of a pattern by a character class that excludes the same line ends as Java's dot.

    RE2's dot excludes only the line feed.
    """
    return "".join(
        r"[^\n\r\x{85}\x{2028}\x{2029}]" if found[0] == "." else found[0]
        for found in _PARTS.finditer(pattern)
    )


_PARTS = re.compile(
    r"""
    \\Q.*?(?:\\E|\Z)                              # quoted
    | \\.                                         # escaped
    | \[\^?\]?(?:\\. | \[:\^?\w+:\] | [^\]\\])*\]  # a class
    | (?P<group> \(\?P?<\w+> | \((?!\?) )         # a capturing group, with a name or without
    | .
    """,
    re.DOTALL | re.VERBOSE,
)


def _name_groups(pattern: str) -> tuple[str, int]:
    """Name the capturing groups ``g1``, ``g2``..., as Arrow requires; return the pattern and the number of groups."""
    parts, count = [], 0
    for found in _PARTS.finditer(pattern):
        count += found["group"] is not None
        parts.append(f"(?P<g{count}>" if found["group"] else found[0])
    return "".join(parts), count
