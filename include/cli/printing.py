"""What a person reads: colours in a terminal, plain text anywhere else."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape

from include.redact import one_line

_LONGEST = 20_000
_STYLES = {"ok": "green", "no": "bold red", "+": "green", "!": "yellow", "": "default"}


def say(mark: str, what: str, text: str, *, aside: bool = False) -> None:
    """One line: a mark, what it is about, and a sentence. ``aside``: on standard error, beside what is for programs."""
    line = f"[{_STYLES[mark]}]{mark:<3}[/]{escape(f'{what:<10}')}{escape(one_line(text, _LONGEST))}"
    _print(line, aside=aside)


def table(mark: str, rows: Sequence[Sequence[str]]) -> None:
    """Rows in columns, each with a mark before it."""
    rows = [[one_line(cell, _LONGEST) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)] if rows else []
    for row in rows:
        # Not by len: what East Asian and emoji characters take in a terminal is two places each.
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        cells = "  ".join(padded).rstrip()
        _print(f"[{_STYLES[mark]}]{mark:<3}[/]{escape(cells)}")


def title(text: str, *, aside: bool = False) -> None:
    _print(f"[bold]{escape(one_line(text, _LONGEST))}[/]", aside=aside)


def _print(markup: str, *, aside: bool = False) -> None:
    # A new console each time: it writes to what standard output is now. No wrapping: lines are for grep too.
    Console(highlight=False, soft_wrap=True, emoji=False, stderr=aside).print(markup)
