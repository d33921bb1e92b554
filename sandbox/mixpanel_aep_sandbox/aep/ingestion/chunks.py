"""A large file's chunks: their ranges, and how they become one file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mixpanel_aep_sandbox.aep.core.errors import problem

_DOCUMENTED = re.compile(r"bytes (\d{1,18})-(\d{1,18})")
_ANY = re.compile(r"bytes[ =](\d{1,18})-(\d{1,18})(/(\d{1,18}|\*))?")


def content_range(header: str | None, *, documented: bool) -> tuple[int, int]:
    """First and last byte of ``Content-Range: bytes 0-99``; ``documented``: in no other form. Raises Problem 400."""
    match = (_DOCUMENTED if documented else _ANY).fullmatch((header or "").strip())
    if match is None:
        raise problem(400, "Content-Range must look like bytes 0-99.")
    first, last = int(match.group(1)), int(match.group(2))
    if last < first:
        raise problem(400, "Content-Range ends before it begins.")
    return first, last


def gaps(chunks: Sequence[Sequence[Any]]) -> str:
    """What is wrong with the ranges; empty when they make one whole file."""
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


def check_next(chunks: Sequence[Sequence[Any]], first: int) -> None:
    """Raises Problem 400 for a chunk that does not begin where those before it end."""
    expected = max((chunk[1] + 1 for chunk in chunks), default=0)
    if first != expected:
        raise problem(400, f"The chunk begins at byte {first}, and byte {expected} is the next one.")


def stitch(chunks: Sequence[Path], target: Path) -> int:
    """One file of the chunks' bytes; returns its size."""
    with target.open("wb") as whole:
        for chunk in chunks:
            with chunk.open("rb") as part:
                shutil.copyfileobj(part, whole, 1 << 20)
    return target.stat().st_size


def received(body: dict[str, Any]) -> str:
    """The ranges that are here, as ``bytes=0-99,200-299`` [I: only the header's name is documented]."""
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
