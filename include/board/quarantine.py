"""Reads the first events of a day's quarantine files for the board, with or without their values."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from include.lake.keys import KeyKind, parse_key
from include.lake.lake import Lake
from include.steps.quarantine_records import read_record, reasons_of

_MAX_BYTES = 4 * 1024 * 1024
_MAX_VALUE_CHARACTERS = 300
HIDDEN = "•••"
"""The text that replaces a value that is not shown."""


@dataclass(frozen=True)
class QuarantinedRow:
    """A quarantined event, as the board shows it.

    Attributes:
        step: the step that refused the event.
        reasons: the reasons.
        fields: the path and the value of each field, as texts; the value is ``HIDDEN`` if it is not shown.
    """

    step: str
    reasons: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]


def first_rows(lake: Lake, keys: Sequence[str], most: int, *, show_values: bool) -> list[QuarantinedRow]:
    """Return the first events of quarantine files, in the order of the files.

    Args:
        lake: the lake.
        keys: the keys of the files; a file that was removed is skipped.
        most: the maximum number of events.
        show_values: whether to return the values of fields; if not, each is replaced by ``HIDDEN``.

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
                rows.append(_quarantined_row(line, show_values=show_values))
        except zlib.error:  # an event without fields shows that the rest of the file is damaged
            rows.append(_quarantined_row(b"", show_values=show_values))
    return rows


def _lines(lake: Lake, key: str) -> Iterator[bytes]:
    """Yield the lines of a gzip file, without newlines, up to four megabytes of its decompressed content.

    Raises:
        zlib.error: the file is damaged or truncated.
    """
    rest, size = b"", 0
    with lake.opened(key) as opened:
        if opened is None:
            return
        decoder, is_within = zlib.decompressobj(wbits=31), False
        for chunk in opened.chunks:
            while chunk and size < _MAX_BYTES:
                text = decoder.decompress(chunk, _MAX_BYTES)
                is_within = not decoder.eof
                chunk = decoder.unconsumed_tail
                if decoder.eof:  # a file can consist of several gzip members, one after the other
                    chunk, decoder = decoder.unused_data, zlib.decompressobj(wbits=31)
                size += len(text)
                *lines, rest = (rest + text).split(b"\n")
                yield from (line for line in lines if line)
            if size >= _MAX_BYTES:
                return
        if is_within or rest:
            raise zlib.error("the file ends too early")


def _quarantined_row(line: bytes, *, show_values: bool) -> QuarantinedRow:
    record = read_record(line)
    body = {key: value for key, value in record.items() if key not in ("step", "reasons", "reason")}
    with suppress(ValueError, TypeError):  # a line that is not JSON is shown as text
        body["raw"] = json.loads(body["raw"]) if "raw" in body else None
    fields = tuple((name, _display_text(value) if show_values else HIDDEN) for name, value in _flat(body))
    return QuarantinedRow(str(record.get("step", "")), reasons_of(record), fields)


def _flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Yield the path, such as ``outer.inner``, and the value of each member of nested JSON objects; without nulls."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif value is not None:
        yield name, value


def _display_text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_VALUE_CHARACTERS else f"{text[:_MAX_VALUE_CHARACTERS]}…"
