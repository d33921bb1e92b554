"""Chunks of a large file: their byte ranges, and their concatenation into one file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.core.json_types import JsonObject

Chunk: TypeAlias = tuple[int, int, str]
"""Index of the first byte, index of the last byte, and the name of the file on disk with these bytes."""

_DOCUMENTED = re.compile(r"bytes (\d{1,18})-(\d{1,18})")
_ANY = re.compile(r"bytes[ =](\d{1,18})-(\d{1,18})(/(\d{1,18}|\*))?")


def parse_content_range(header: str | None, *, documented: bool) -> tuple[int, int]:
    """Return the indexes of the first and the last byte in a ``Content-Range`` header such as ``bytes 0-99``.

    Args:
        header: The value of the header; None if it is missing.
        documented: Whether only this documented form is valid; otherwise also ``bytes=0-99``, and a total size.

    Raises:
        Problem: 400 for an invalid header.
    """
    match = (_DOCUMENTED if documented else _ANY).fullmatch((header or "").strip())
    if match is None:
        raise problem(400, "Content-Range must have the form: bytes 0-99.")
    first, last = int(match.group(1)), int(match.group(2))
    if last < first:
        raise problem(400, "Content-Range ends before it begins.")
    return first, last


def describe_range_fault(chunks: Sequence[Chunk]) -> str:
    """Describe a gap or an overlap of the received chunks of a file, as the end of a sentence.

    The result is empty if the chunks form a complete file.
    """
    if not chunks:
        return "are missing"
    expected = 0
    for first, last, *_ in sorted(chunks, key=list):
        if first > expected:
            return f"are missing bytes {expected}-{first - 1}"
        if first < expected:
            return f"overlap at byte {first}"
        expected = last + 1
    return ""


def check_next(chunks: Sequence[Chunk], first: int) -> None:
    """Check that a new chunk begins directly after the last received byte of the file.

    Args:
        chunks: The received chunks.
        first: The index of the first byte of the new chunk.

    Raises:
        Problem: 400 if it does not.
    """
    expected = max((chunk[1] + 1 for chunk in chunks), default=0)
    if first != expected:
        raise problem(
            400, f"The chunk begins at byte {first} instead of {expected}, the byte after the previous chunk."
        )


def join_chunks(chunks: Sequence[Path], target: Path) -> int:
    """Concatenate the files of the chunks, in the given order, into ``target``. Return its size in bytes."""
    with target.open("wb") as whole:
        for chunk in chunks:
            with chunk.open("rb") as part:
                shutil.copyfileobj(part, whole, 1 << 20)
    return target.stat().st_size


def received_ranges(body: JsonObject) -> str:
    """Return the received byte ranges of a file as the value of the response header ``Range``: ``bytes=0-99,200-299``.

    Adobe documents only the name of the header [I].

    Args:
        body: The document of the file.
    """
    spans = (
        [[0, body["size"] - 1]]
        if not body["open"] and body["size"]
        else sorted(c[:2] for c in body["chunks"])
    )
    merged: list[list[int]] = []
    for first, last in spans:
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return "bytes=" + ",".join(f"{first}-{last}" for first, last in merged)
