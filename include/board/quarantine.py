"""The first rows of a day's quarantine; every value is hidden unless the caller sets ``show_values``."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from include.lake.keys import KeyKind, parse_key
from include.lake.lake import Lake
from include.steps.quarantine_records import read_record, reasons_of

_MOST_BYTES = 4 * 1024 * 1024
_LONGEST_VALUE = 300
HIDDEN = "•••"


@dataclass(frozen=True)
class QuarantinedRow:
    """A quarantined event: the step that rejected it, the reason, and its fields with values or ``HIDDEN``."""

    step: str
    reasons: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]


def first_rows(lake: Lake, keys: Sequence[str], most: int, *, show_values: bool) -> list[QuarantinedRow]:
    """Return the first rows of quarantine files; files that a cleaning has removed are skipped.

    Raises:
        LakeError: the lake cannot be read.
    """
    rows: list[QuarantinedRow] = []
    for key in keys:
        found = parse_key(key)
        if found is None or found.kind is not KeyKind.QUARANTINE:
            continue
        try:
            for line in _lines(lake, key):
                if len(rows) >= most:
                    return rows
                rows.append(_row(line, show_values=show_values))
        except zlib.error:  # the rest of the file is damaged
            rows.append(_row(b"", show_values=show_values))
    return rows


def _lines(lake: Lake, key: str) -> Iterator[bytes]:
    """Yield the lines in the first megabytes of a gzip file."""
    rest, size = b"", 0
    with lake.opened(key) as opened:
        if opened is None:
            return
        decoder, is_within = zlib.decompressobj(wbits=31), False
        for chunk in opened.chunks:
            while chunk and size < _MOST_BYTES:
                text = decoder.decompress(chunk, _MOST_BYTES)
                is_within = not decoder.eof
                chunk = decoder.unconsumed_tail
                if decoder.eof:  # files are appended to: one gzip member follows the other
                    chunk, decoder = decoder.unused_data, zlib.decompressobj(wbits=31)
                size += len(text)
                *lines, rest = (rest + text).split(b"\n")
                yield from (line for line in lines if line)
            if size >= _MOST_BYTES:
                return
        if is_within or rest:
            raise zlib.error("the file ends too early")


def _row(line: bytes, *, show_values: bool) -> QuarantinedRow:
    record = read_record(line)
    body = {key: value for key, value in record.items() if key not in ("step", "reasons", "reason")}
    with suppress(ValueError, TypeError):  # a line that is not JSON is shown as it is
        body["raw"] = json.loads(body["raw"]) if "raw" in body else None
    fields = tuple((name, _display_text(value) if show_values else HIDDEN) for name, value in _flat(body))
    return QuarantinedRow(str(record.get("step", "")), reasons_of(record), fields)


def _flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif value is not None:
        yield name, value


def _display_text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
