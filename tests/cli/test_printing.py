"""Output fits the terminal."""

from __future__ import annotations

import os
import re
import threading
import time

import pytest

from include.cli import console as printing
from include.cli import progress

pytestmark = pytest.mark.unit


def test_columns_are_aligned_next_to_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    printing.table("", [("価格", "1"), ("four", "2")])
    assert capsys.readouterr().out.splitlines() == ["   価格  1", "   four  2"]


def test_a_table_fits_80_columns_and_breaks_neither_days_nor_batches(
    capsys: pytest.CaptureFixture[str],
) -> None:
    batch = "01M8PAXN80671H882Q2WVER32W"
    row = ("2026-07-01", batch, "a reason of many words " * 8)
    printing.table("!", [row], head=("day", "batch", "reason"))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["day", "batch", "reason"]
    assert lines[1].startswith(f"!  2026-07-01  {batch}  a reason of many words")
    assert len(lines) > 3


def test_the_mark_of_a_row_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    printing.table("ok", [("one", "1")], head=("name", "count"))
    assert capsys.readouterr().out.splitlines() == ["   name  count", "ok one   1"]


def test_a_line_is_wrapped_in_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "a sentence of many words " * 8
    printing.print_status("ok", "check", text)
    assert len(capsys.readouterr().out.splitlines()) == 1
    for name, value in (("TTY_COMPATIBLE", "1"), ("NO_COLOR", "1"), ("COLUMNS", "80")):
        monkeypatch.setenv(name, value)
    printing.print_status("ok", "check", text)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2
    assert {line[:13] for line in lines[1:]} == {" " * 13}


def test_progress_shows_count_rate_and_time_left_in_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "AFTER_SECONDS", 0.0)

    def work() -> str:
        with progress.show_progress("Reading", 400, "events") as meter:
            deadline = time.monotonic() + 10
            while not (shown := capsys.readouterr().err).count("events, ") and time.monotonic() < deadline:
                meter(1)
                if "TTY_COMPATIBLE" not in os.environ:
                    return shown
                threading.Event().wait(0.02)
            return shown

    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    assert work() == ""
    for name, value in (("TTY_COMPATIBLE", "1"), ("COLUMNS", "120")):
        monkeypatch.setenv(name, value)
    shown = work()
    assert re.search(r"/400 events, [\d.]+/s", shown), shown
    assert " left" in shown
