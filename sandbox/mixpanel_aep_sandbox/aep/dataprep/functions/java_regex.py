"""Regular expressions with bounded cost: RE2 matches in time that is linear in the text, for every expression.

Java's engine, which Adobe uses, backtracks and can take exponential time. What RE2 does not support (back references,
lookahead and lookbehind, possessive repetition) is refused with a sentence. Arrow includes RE2.
"""

from __future__ import annotations

import re
from typing import Any

from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_LONGEST_PATTERN = 1000


def contains_match(text: str, pattern: str) -> bool:
    """Return whether the whole ``text`` matches. Raises EvaluationError for an invalid pattern."""
    found: bool = _run("match_substring_regex", text, rf"\A(?:{pattern})\z", pattern)
    return found


def groups(text: str, pattern: str) -> list[str] | None:
    """Return the first match and its groups, or None without a match."""
    named, count = _named(pattern)
    found = _run("extract_regex", text, f"(?P<g0>{named})", pattern)
    return None if found is None else [found[f"g{n}"] for n in range(count + 1)]


def split(text: str, pattern: str) -> list[str]:
    """Return the parts between matches, including empty ones.

    ``explode`` has "all indices, including nulls", ``split`` does not (EP:data-prep/functions.md#string).
    """
    parts: list[str] = [text] if not text else _run("split_pattern_regex", text, pattern, pattern)
    return parts


def _run(function: str, text: str, pattern: str, original: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(original) > _LONGEST_PATTERN:
        raise EvaluationError(f"A regular expression may have {_LONGEST_PATTERN} characters.")
    try:
        return getattr(pc, function)(pa.array([text]), pattern=_stopped(pattern))[0].as_py()
    except UnicodeEncodeError as error:
        raise EvaluationError("The text contains a lone surrogate.") from error
    except pa.ArrowInvalid as error:
        reason = str(error).removeprefix("Invalid regular expression: ")
        raise EvaluationError(
            f"The sandbox cannot use the regular expression {original!r}: {reason}"
        ) from error


def _stopped(pattern: str) -> str:
    r"""Return the pattern with Java's dot, which matches no line end; RE2's matches all but ``\\n``."""
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


def _named(pattern: str) -> tuple[str, int]:
    """Return the pattern with a name for each capturing group, which Arrow requires, and the number of groups."""
    parts, count = [], 0
    for found in _PARTS.finditer(pattern):
        count += found["group"] is not None
        parts.append(f"(?P<g{count}>" if found["group"] else found[0])
    return "".join(parts), count
