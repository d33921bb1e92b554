"""The output for people: colours and wrapped tables in a terminal, plain text elsewhere."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from include.redact import one_line

_LONGEST = 20_000
_STYLES = {"ok": "green", "no": "bold red", "+": "green", "!": "yellow", "": "default"}
_MARK_WIDTH, _WHAT_WIDTH = 3, 10
_LONGEST_WORD, _LEAST_WIDTH = 30, 12


@dataclass
class Output:
    """Where a command prints. With ``json``, standard output is one JSON object, and the lines for people are omitted.

    ``so_far``: the results of a command before an error ended it; they are printed with the error.
    """

    json: bool = False
    so_far: Mapping[str, object] = field(default_factory=dict)

    def print_status(self, mark: str, what: str, text: str) -> None:
        """Print one line for a person."""
        if not self.json:
            print_status(mark, what, text)

    def title(self, text: str) -> None:
        """Print one line in bold for a person."""
        if not self.json:
            title(text)

    def table(self, mark: str, rows: Sequence[Sequence[str]], *, head: Sequence[str] = ()) -> None:
        """Print rows in columns for a person."""
        if not self.json:
            table(mark, rows, head=head)

    def styled(self, parts: Sequence[tuple[str, str]]) -> None:
        """Print one line of parts, each a style and a text, for a person."""
        if not self.json:
            line = Text()
            for style, text in parts:
                line.append(text, style)
            line.rstrip()
            Console(highlight=False, soft_wrap=True, emoji=False).print(line)

    def columns(self, head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> None:
        """Print two columns of the same width, side by side, for a person."""
        if self.json:
            return
        console = Console(highlight=False, emoji=False)
        made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0), width=console.width)
        for name in head:
            made.add_column(escape(name), overflow="fold", ratio=1)
        for row in rows:
            made.add_row(*(Text(one_line(cell, _LONGEST)) for cell in row))
        _print_lines(console, made, to_stderr=False)

    def result(self, value: Mapping[str, object]) -> None:
        """Print the result as JSON if the option ``--json`` is given."""
        if self.json:
            print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_status(mark: str, what: str, text: str, *, to_stderr: bool = False) -> None:
    """Print a mark, a subject and a sentence in one line.

    In a terminal the sentence is wrapped at words; elsewhere it is one line, which grep finds.
    """
    console = Console(highlight=False, emoji=False, soft_wrap=True, stderr=to_stderr)
    about = f"{what:<{_WHAT_WIDTH - 1}} "
    first, *rest = _wrapped(one_line(text, _LONGEST), console, _MARK_WIDTH + _WHAT_WIDTH)
    console.print(f"[{_STYLES[mark]}]{mark:<{_MARK_WIDTH}}[/]{escape(about)}{escape(first)}")
    for line in rest:
        console.print(" " * (_MARK_WIDTH + _WHAT_WIDTH) + escape(line))


def print_to_stderr(text: str) -> None:
    """Print a sentence on standard error, wrapped at words in a terminal."""
    for line in _wrapped(text, Console(stderr=True), 0):
        print(line, file=sys.stderr)


def _wrapped(text: str, console: Console, indent: int) -> list[str]:
    if not console.is_terminal:
        return [text]
    width = max(console.width - indent, _LEAST_WIDTH)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def table(
    mark: str, rows: Sequence[Sequence[str]], *, head: Sequence[str] = (), to_stderr: bool = False
) -> None:
    """Print rows in columns, each after a mark, as wide as the terminal, or with 80 columns without a terminal.

    A text that is too long for its column continues below it.
    """
    if not rows:
        return
    made = Table(box=None, show_header=bool(head), header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    console = Console(highlight=False, emoji=False, stderr=to_stderr)
    cells = [[one_line(cell, _LONGEST) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells, *([head] if head else []), strict=True)]
    # A text without spaces, such as a day or a batch's id, is not broken if there is room for it.
    whole = [
        width <= _LONGEST_WORD and not any(" " in cell for cell in column)
        for width, column in zip(widths, zip(*cells, strict=True), strict=True)
    ]
    left = (
        console.width
        - _MARK_WIDTH
        - sum(w + 2 for w, is_whole in zip(widths, whole, strict=True) if is_whole)
    )
    has_room = left >= _LEAST_WIDTH * whole.count(False)
    made.add_column("", width=_MARK_WIDTH - 2, style=_STYLES[mark], no_wrap=True)
    for number, is_whole in enumerate(whole):
        name = escape(head[number]) if head else ""
        made.add_column(name, overflow="fold", no_wrap=is_whole and has_room)
    for row in cells:
        made.add_row(mark, *map(Text, row))
    _print_lines(console, made, to_stderr=to_stderr)


def _print_lines(console: Console, made: Table, *, to_stderr: bool) -> None:
    """Print a table without trailing spaces."""
    with console.capture() as captured:
        console.print(made)
    for line in captured.get().splitlines():
        print(line.rstrip(), file=sys.stderr if to_stderr else sys.stdout)


def counted(number: int, thing: str) -> str:
    """Return a number and its noun, such as ``1 event``, ``5,030 events``, ``2 properties``."""
    if number == 1:
        return f"1 {thing}"
    has_ies = thing.endswith("y") and thing[-2:-1] not in "aeou"
    return f"{number:,} {thing[:-1]}ies" if has_ies else f"{number:,} {thing}s"


def title(text: str) -> None:
    """Print a sentence in bold, wrapped at words in a terminal."""
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    for line in _wrapped(one_line(text, _LONGEST), console, 0):
        console.print(f"[bold]{escape(line)}[/]")
