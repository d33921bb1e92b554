"""Helpers for the tests of the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import requests

Cli = Callable[..., tuple[int, str]]


class Printed(NamedTuple):
    """The result of a command: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the one JSON object on standard output."""
        return json.loads(self.out)


Printing = Callable[..., Printed]


def change(path: Path, *changes: tuple[str, str]) -> None:
    """Replace texts in a file; each text must occur in the file."""
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def post(port: int, path: str, body: object) -> None:
    """Send a request to the sandbox's control plane."""
    requests.post(f"http://127.0.0.1:{port}/_sandbox/{path}", json=body, timeout=20).raise_for_status()
