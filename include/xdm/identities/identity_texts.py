"""The rules of identities for whole columns: the texts of JSON values, and which of them are identities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from include.xdm.convert.values import Value
from include.xdm.events.shapes import types_of
from include.xdm.identities.identity_rules import (
    BLANKS,
    BLOCKED,
    LONGEST,
    PREFIX,
    REASONS,
    IdentityRules,
    text_of_identity,
)
from include.xdm.identities.placeholders import ZERO_CHARACTERS

_ASCII_BLANKS = "".join(blank for blank in BLANKS if blank.isascii())
_NUMBER = {reason: number for number, reason in enumerate(REASONS)}
_TEXTS = {str, type(None)}


@dataclass(frozen=True)
class IdentityTexts:
    """A column of identities.

    ``texts``: null if a row has no identity; ``reasons``: numbers of ``REASONS``, null if no value was dropped.
    """

    texts: Any
    reasons: Any


def texts_of(values: Sequence[Value]) -> IdentityTexts:
    """Return the texts of JSON values; values whose type cannot be an identity are dropped."""
    import pyarrow as pa

    if types_of(values) <= _TEXTS:
        values = [value or None for value in values] if "" in values else values
        return IdentityTexts(pa.array(values, pa.string()), no_reasons(len(values)))
    found = list(map(text_of_identity, values))
    texts = pa.array([text for text, _ in found], pa.string())
    return IdentityTexts(texts, pa.array([_NUMBER[why] if why else None for _, why in found], pa.int8()))


def reasons_of(values: Sequence[Value]) -> Any:
    """Return only the reasons of ``texts_of``, for a property whose texts are in the column of a field."""
    return no_reasons(len(values)) if types_of(values) <= _TEXTS else texts_of(values).reasons


def no_reasons(rows: int) -> Any:
    """Return the reasons of a column in which no identity is dropped because of its type."""
    import pyarrow as pa

    return pa.nulls(rows, pa.int8())


def with_failures(column: IdentityTexts, failed: Any) -> IdentityTexts:
    """Return a column without the identities whose expression failed.

    ``failed``: booleans.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pc.any(failed).as_py():
        return column
    failed = pa.array(failed.to_pylist(), pa.bool_())
    texts = pc.if_else(failed, pa.scalar(None, pa.string()), column.texts)
    failure = pa.scalar(_NUMBER["expression_failed"], pa.int8())
    return IdentityTexts(texts, pc.if_else(failed, failure, column.reasons))


def judged(column: IdentityTexts, rules: IdentityRules) -> IdentityTexts:
    """Return the identities of texts by the rules of their namespace; a text with a reason is not an identity."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = column.texts
    if _is_ascii(texts):
        clean, reasons = _judged_ascii(texts, rules)
    else:
        is_ascii = pc.string_is_ascii(texts)
        clean, reasons = _judged_ascii(pc.if_else(is_ascii, texts, pa.scalar(None, pa.string())), rules)
        others = pc.invert(is_ascii)
        found = list(map(rules.judge, texts.filter(others).to_pylist()))
        clean = pc.replace_with_mask(clean, others, pa.array([text for text, _ in found], pa.string()))
        numbers = pa.array([_NUMBER[why] if why else None for _, why in found], pa.int8())
        reasons = pc.replace_with_mask(reasons, others, numbers)
    if column.reasons.null_count < len(column.reasons):
        reasons = pc.coalesce(column.reasons, reasons)
        clean = pc.if_else(column.reasons.is_null(), clean, pa.scalar(None, pa.string()))
    return IdentityTexts(clean, reasons)


def _is_ascii(texts: Any) -> bool:
    import numpy as np

    if not len(texts) or (data := texts.buffers()[2]) is None:
        return True
    ends = np.frombuffer(texts.buffers()[1], np.int32)
    characters = np.frombuffer(data, np.uint8)[ends[texts.offset] : ends[texts.offset + len(texts)]]
    return not len(characters) or int(characters.max()) < 128


def _judged_ascii(texts: Any, rules: IdentityRules) -> tuple[Any, Any]:
    """Return the identities of ASCII texts and the reasons of the others, with whole-column operations."""
    import pyarrow as pa
    import pyarrow.compute as pc

    clean = pc.ascii_trim(texts, characters=_ASCII_BLANKS)
    prefixed = pc.starts_with(clean, pattern=PREFIX)
    if pc.any(prefixed).as_py():
        rest = pc.ascii_trim(pc.utf8_slice_codeunits(clean, len(PREFIX)), characters=_ASCII_BLANKS)
        clean = pc.if_else(prefixed, rest, clean)
    length, lower = pc.binary_length(clean), pc.ascii_lower(clean)
    bad = [
        ("blank", pc.equal(length, 0)),
        ("blocked", pc.is_in(lower, value_set=_words(BLOCKED))),
        ("too_long", pc.greater(length, LONGEST)),
    ]
    if rules.format:
        good = pc.match_substring_regex(clean, rf"\A(?:{rules.format})\z")
        bad.append(("wrong_format", pc.invert(good)))
    if rules.zeros:
        zero = pc.equal(pc.binary_length(pc.ascii_trim(clean, characters=ZERO_CHARACTERS)), 0)
        if rules.allowed:
            zero = pc.and_not(zero, pc.is_in(lower, value_set=_words(rules.allowed)))
        bad.append(("placeholder", zero))
    bad.append(("placeholder", pc.is_in(lower, value_set=_words(rules.placeholders))))
    reasons = pa.nulls(len(texts), pa.int8())
    for reason, places in bad:
        if pc.any(places).as_py():
            reasons = pc.coalesce(reasons, pc.if_else(places, pa.scalar(_NUMBER[reason], pa.int8()), None))
    if reasons.null_count < len(reasons):
        clean = pc.if_else(reasons.is_null(), clean, pa.scalar(None, pa.string()))
    return clean, reasons


@lru_cache(maxsize=64)
def _words(words: frozenset[str]) -> Any:
    import pyarrow as pa

    return pa.array(sorted(words), pa.string())
