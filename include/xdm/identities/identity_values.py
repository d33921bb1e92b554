"""Read the identities of a whole column from JSON values, and apply the rules of their namespace to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    import pyarrow as pa

_ASCII_BLANKS = "".join(blank for blank in BLANKS if blank.isascii())
_NUMBER = {reason: number for number, reason in enumerate(REASONS)}
_TEXTS = {str, type(None)}


@dataclass(frozen=True)
class IdentityValues:
    """The values of one identity, one item per row.

    ``texts``: the identity as a string; null if the row does not have one. ``reasons``: why the value of the row was
    dropped, as an int8 index into ``REASONS``; null if it was not dropped.
    """

    texts: pa.Array
    reasons: pa.Array


def read_identities(values: Sequence[Value]) -> IdentityValues:
    """Read an identity from each JSON value; a value of an unsuitable type is dropped with a reason."""
    import pyarrow as pa

    if types_of(values) <= _TEXTS:
        values = [value or None for value in values] if "" in values else values
        return IdentityValues(pa.array(values, pa.string()), no_drop_reasons(len(values)))
    found = list(map(text_of_identity, values))
    texts = pa.array([text for text, _ in found], pa.string())
    return IdentityValues(texts, pa.array([_NUMBER[why] if why else None for _, why in found], pa.int8()))


def drop_reasons(values: Sequence[Value]) -> pa.Array:
    """Return only the drop reasons that ``read_identities`` gives for these values."""
    return no_drop_reasons(len(values)) if types_of(values) <= _TEXTS else read_identities(values).reasons


def no_drop_reasons(rows: int) -> pa.Array:
    """Return the drop reasons of ``rows`` rows without a dropped value: an int8 array of nulls."""
    import pyarrow as pa

    return pa.nulls(rows, pa.int8())


def drop_failed(column: IdentityValues, failed: pa.ChunkedArray) -> IdentityValues:
    """Drop the identities of the rows in which their expression failed. ``failed``: one boolean per row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pc.any(failed).as_py():
        return column
    failed = pa.array(failed.to_pylist(), pa.bool_())
    texts = pc.if_else(failed, pa.scalar(None, pa.string()), column.texts)
    failure = pa.scalar(_NUMBER["expression_failed"], pa.int8())
    return IdentityValues(texts, pc.if_else(failed, failure, column.reasons))


def apply_rules(column: IdentityValues, rules: IdentityRules) -> IdentityValues:
    """Apply the rules of a namespace to a column: clean accepted identities, and drop the others with a reason."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = column.texts
    if _is_ascii(texts):
        clean, reasons = _apply_to_ascii(texts, rules)
    else:
        is_ascii = pc.string_is_ascii(texts)
        clean, reasons = _apply_to_ascii(pc.if_else(is_ascii, texts, pa.scalar(None, pa.string())), rules)
        others = pc.invert(is_ascii)
        found = list(map(rules.judge, texts.filter(others).to_pylist()))
        clean = pc.replace_with_mask(clean, others, pa.array([text for text, _ in found], pa.string()))
        numbers = pa.array([_NUMBER[why] if why else None for _, why in found], pa.int8())
        reasons = pc.replace_with_mask(reasons, others, numbers)
    if column.reasons.null_count < len(column.reasons):
        reasons = pc.coalesce(column.reasons, reasons)
        clean = pc.if_else(column.reasons.is_null(), clean, pa.scalar(None, pa.string()))
    return IdentityValues(clean, reasons)


def _is_ascii(texts: pa.Array) -> bool:
    import numpy as np

    if not len(texts) or (data := texts.buffers()[2]) is None:
        return True
    ends = np.frombuffer(texts.buffers()[1], np.int32)
    characters = np.frombuffer(data, np.uint8)[ends[texts.offset] : ends[texts.offset + len(texts)]]
    return not len(characters) or int(characters.max()) < 128


def _apply_to_ascii(texts: pa.Array, rules: IdentityRules) -> tuple[pa.Array, pa.Array]:
    """Apply the rules to ASCII texts; return the cleaned identities (null if dropped) and the drop reasons."""
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
def _words(words: frozenset[str]) -> pa.Array:
    import pyarrow as pa

    return pa.array(sorted(words), pa.string())
