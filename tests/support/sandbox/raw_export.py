"""Exports read from a bare socket."""

from __future__ import annotations

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.http_client import Sandbox

HOSTILE, DAY = data.HOSTILE_PROJECT_ID, "2026-07-01"


EXPORT = {"path": "/api/2.0/export"}


def split(raw: bytes) -> tuple[dict[str, str], bytes]:
    """Return the headers (the status line under '') and the bytes after them."""
    head, _, rest = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return {"": first, **dict(line.lower().split(": ", 1) for line in lines)}, rest


def export_raw(sandbox: Sandbox, *, gzipped: bool = False) -> tuple[dict[str, str], bytes]:
    return split(sandbox.raw_export(HOSTILE, DAY, DAY, gzipped=gzipped))
