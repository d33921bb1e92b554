"""Regular expressions, bounded: RE2 matches in time that is linear in the text, whatever the expression.

Java's engine, which Adobe uses, goes back and forth and can take for ever. What RE2 has not (back references, looking
ahead or behind, possessive repetition) is refused with a sentence. Arrow brings RE2.
"""

from __future__ import annotations

import re
from typing import Any

from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_LONGEST_PATTERN = 1000


def contains_match(text: str, pattern: str) -> bool:
    """Whether the whole of ``text`` matches. Raises EvaluationError for a pattern that is none."""
    found: bool = _run("match_substring_regex", text, rf"\A(?:{pattern})\z", pattern)
    return found


def groups(text: str, pattern: str) -> list[str] | None:
    """What the first match is, and what its groups are; None when nothing matches."""
    named, count = _named(pattern)
    found = _run("extract_regex", text, f"(?P<g0>{named})", pattern)
    return None if found is None else [found[f"g{n}"] for n in range(count + 1)]


def split(text: str, pattern: str) -> list[str]:
    """The parts between matches, empty ones too: ``explode`` has "all indices, including nulls", ``split`` has not
    (EP:data-prep/functions.md#string)."""
    parts: list[str] = [text] if not text else _run("split_pattern_regex", text, pattern, pattern)
    return parts


def _run(function: str, text: str, pattern: str, told: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(told) > _LONGEST_PATTERN:
        raise EvaluationError(f"A regular expression may have {_LONGEST_PATTERN} characters.")
    try:
        return getattr(pc, function)(pa.array([text]), pattern=_stopped(pattern))[0].as_py()
    except UnicodeEncodeError as error:
        raise EvaluationError("Half a character stands alone in the text.") from error
    except pa.ArrowInvalid as error:
        reason = str(error).removeprefix("Invalid regular expression: ")
        raise EvaluationError(f"The sandbox cannot use the regular expression {told!r}: {reason}") from error


def _stopped(pattern: str) -> str:
    """The pattern with Java's dot, which takes no line end; RE2's takes all but ``\\n``."""
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
    """The pattern with a name for each capturing group, which Arrow asks for, and how many there are."""
    parts, count = [], 0
    for found in _PARTS.finditer(pattern):
        count += found["group"] is not None
        parts.append(f"(?P<g{count}>" if found["group"] else found[0])
    return "".join(parts), count
