"""Synthetic days of events for the benchmarks: the demo shop's events, multiplied, identical on every machine.

An event has 21 to 30 properties and about 714 bytes. Ids, times and people differ between events, so that a day
compresses about as well as a real one; every event has a unique ``_id``.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

from benchmarks.environment import DAY
from mixpanel_aep_sandbox.demo_data import shop

_EPOCH = date(1970, 1, 1)
_FIRST_SECOND = (DAY - _EPOCH).days * 86_400
_BLOCK_EVENTS = 2_000
_GOLDEN = 0x9E3779B97F4A7C15
_MARKS = (
    (re.compile(rb'"time":\d+'), b'"time":%(seconds)d'),
    (re.compile(rb'"\$insert_id":"[^"]*"'), b'"$insert_id":"%(insert)016x"'),
    (re.compile(rb'"\$mp_api_timestamp_ms":\d+'), b'"$mp_api_timestamp_ms":%(seconds)d%(ms)03d'),
    (re.compile(rb'"mp_processing_time_ms":\d+'), b'"mp_processing_time_ms":%(late)d%(ms)03d'),
    (re.compile(rb'"u-\d+"'), b'"u-%(person)d"'),
    (re.compile(rb"[0-9a-f]{13}-[0-9a-f]{15}-26011f51-1fa400-[0-9a-f]{15}"),
     b"%(person)013x-%(person)015x-26011f51-1fa400-%(person)015x"),
)  # fmt: skip
_ODD = (
    b'{"event":"Odd","properties":{"time":%d,"distinct_id":"u-1","$insert_id":"odd-%d","early":"terminated early","n":-0}}',
    b'{"properties":{"time":%d,"$insert_id":"odd-%d","distinct_id":"u-2","text":"\\u00e9\\/"},"event":"Odd"}',
    b'{"event":"Odd","properties":{"time":%d.25,"$insert_id":"odd-%d","distinct_id":"u-3","amount":1e400}}',
    b'{"event": "Odd", "properties": {"time": %d, "$insert_id": "odd-%d", "distinct_id": "u-4", "x": {"a": 1}}}',
)
"""Events that no fast path may treat as ordinary: each has to be parsed individually."""


def lines(events: int, *, odd: float = 0.0, more: bytes = b"", first: int = 0) -> Iterator[bytes]:
    """Yield blocks of whole lines, newlines included.

    ``odd``: the share of unusual lines; ``more``: additional JSON members for the other lines; ``first``: the number of the
    first event, for events that are in no other day.
    """
    tail = b"," + more + b"}}" if more else b"}}"
    templates, every = _templates(), round(1 / odd) if odd else 0
    for start in range(first, first + events, _BLOCK_EVENTS):
        block = []
        for n in range(start, min(start + _BLOCK_EVENTS, first + events)):
            seconds = _FIRST_SECOND + (n * 7_919) % 86_300
            if every and n % every == 0:
                block.append(_ODD[n // every % len(_ODD)] % (seconds, n))
                continue
            mixed = n * _GOLDEN % 2**64
            line = templates[mixed % len(templates)] % {
                b"seconds": seconds, b"insert": mixed, b"ms": n % 1000, b"late": seconds + 1, b"person": mixed % 65_521 + 10_000,
            }  # fmt: skip
            block.append(line[:-2] + tail)
        block.append(b"")
        yield b"\n".join(block)


def write_day(path: Path, events: int, *, odd: float = 0.0, more: bytes = b"", late: int = 0) -> None:
    """Write a day as Mixpanel would send it: one gzip member. ``late``: additional events at its end."""
    packer = zlib.compressobj(level=4, wbits=31)
    with path.open("wb") as file:
        for block in lines(events, odd=odd, more=more):
            file.write(packer.compress(block))
        for block in lines(late, first=events + 1_000_003):
            file.write(packer.compress(block))
        file.write(packer.flush())


@cache
def _templates() -> tuple[bytes, ...]:
    """Return shop events of 21 to 30 properties, about 714 bytes on average, as templates for ``%``."""
    rows = [row for copy in range(2) for row in shop.rows((DAY - _EPOCH).days, copy)]
    fitting = [row.line for row in rows if 21 <= _properties(row.line) <= 30 and len(row.line) < 920]
    return tuple(map(_template, fitting))


def _template(line: bytes) -> bytes:
    text = line.replace(b"%", b"%%")
    for pattern, mark in _MARKS:
        text = pattern.sub(lambda _, mark=mark: mark, text)  # type: ignore[misc]
    return text


def _properties(line: bytes) -> int:
    return len(re.findall(rb'[{,]"[^"]+":', line)) - 2
