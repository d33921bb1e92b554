"""The documented commands that need neither a placeholder nor a fault work as pasted, against the sandbox."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.command_line import Printing
from tests.support.documentation import ROOT, commands, pages

pytestmark = pytest.mark.sandbox
# They need a lost lake, a key, a batch missing in a ledger, or a person to forget; other tests run these.
NEEDS_MORE = ("recover", "lake", "ledger adopt", "ledger release", "forget", "sandbox", "migrate")
PREPARATION = ("apply shop", "run shop 2026-06-30 2026-07-02")
"""What `make demo` has done before a reader comes to these commands."""


def executable() -> Iterator[str]:
    for page in pages():
        for command in commands(page, inline=False):
            line = " ".join(command.arguments)
            placeholder = re.search(r"\b[A-Z]{2,}\b", line)
            if command.program == "mixpanel-aep" and not placeholder and not line.startswith(NEEDS_MORE):
                yield line


def test_every_such_command_works_as_pasted(printed: Printing) -> None:
    lines = list(dict.fromkeys([*PREPARATION, *executable()]))
    assert len(lines) > 15
    for line in lines:
        result = printed(*line.split()) if line != "pipelines" else None
        assert result is None or result.code == 0, f"{line}: {result.out}{result.err}"


def contains(whole: Any, part: Any) -> bool:
    """Return whether an object has at least the members of another one."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and contains(whole[name], part[name]) for name in part
        )
    return bool(whole == part)


def test_the_readmes_example_row_is_one_of_the_shop(printed: Printing) -> None:
    [block] = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert printed("apply", "shop").code == 0
    found = printed("preview", "shop", "2026-07-01", "--json")
    assert found.code == 0, found.err
    assert json.loads(block)["_id"] in found.out
    rows = [event["row"] for event in found.json["events"]]
    assert any(contains(row, json.loads(block)) for row in rows)
