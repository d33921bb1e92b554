"""Print the output of commands: with colours and wrapped lines in a terminal, otherwise as plain text, or as JSON."""

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

_MAX_CHARACTERS = 20_000
_STYLES = {"ok": "green", "no": "bold red", "+": "green", "!": "yellow", "": "default"}
_MARK_WIDTH, _WHAT_WIDTH = 3, 10
_MAX_UNBROKEN_WIDTH, _MIN_COLUMN_WIDTH = 30, 12


@dataclass
class Output:
    """The output of a command. With ``json``, only :meth:`result` prints: one JSON object.

    ``so_far``: the results that the command has so far. If an error ends the command, they are printed with the error.
    """

    json: bool = False
    so_far: Mapping[str, object] = field(default_factory=dict)

    def print_status(self, mark: str, what: str, text: str) -> None:
        """Print one line (:func:`print_status`) unless the output is JSON."""
        if not self.json:
            print_status(mark, what, text)

    def title(self, text: str) -> None:
        """Print one line in bold unless the output is JSON."""
        if not self.json:
            title(text)

    def table(self, mark: str, rows: Sequence[Sequence[str]], *, head: Sequence[str] = ()) -> None:
        """Print a table (:func:`table`) unless the output is JSON."""
        if not self.json:
            table(mark, rows, head=head)

    def styled(self, parts: Sequence[tuple[str, str]]) -> None:
        """Print one line unless the output is JSON. ``parts``: pairs of a style of rich and a text."""
        if not self.json:
            line = Text()
            for style, text in parts:
                line.append(text, style)
            line.rstrip()
            Console(highlight=False, soft_wrap=True, emoji=False).print(line)

    def columns(self, head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> None:
        """Print a table of two columns with the same width unless the output is JSON. ``head``: the column titles."""
        if self.json:
            return
        console = Console(highlight=False, emoji=False)
        made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0), width=console.width)
        for name in head:
            made.add_column(escape(name), overflow="fold", ratio=1)
        for row in rows:
            made.add_row(*(Text(one_line(cell, _MAX_CHARACTERS)) for cell in row))
        _print_lines(console, made, to_stderr=False)

    def result(self, value: Mapping[str, object]) -> None:
        """Print the result of the command as a JSON object if the output is JSON."""
        if self.json:
            print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_status(mark: str, what: str, text: str, *, to_stderr: bool = False) -> None:
    """Print a line that consists of a mark, a subject and a sentence, such as ``ok  lake  ...``.

    In a terminal, the sentence is wrapped; elsewhere it is one line, so that grep finds it.

    Args:
        mark: ``ok``, ``no``, ``+``, ``!`` or empty.
        what: the subject.
        text: the sentence.
        to_stderr: whether to print on standard error.
    """
    console = Console(highlight=False, emoji=False, soft_wrap=True, stderr=to_stderr)
    about = f"{what:<{_WHAT_WIDTH - 1}} "
    first, *rest = _wrapped(one_line(text, _MAX_CHARACTERS), console, _MARK_WIDTH + _WHAT_WIDTH)
    console.print(f"[{_STYLES[mark]}]{mark:<{_MARK_WIDTH}}[/]{escape(about)}{escape(first)}")
    for line in rest:
        console.print(" " * (_MARK_WIDTH + _WHAT_WIDTH) + escape(line))


def print_to_stderr(text: str) -> None:
    """Print a sentence on standard error; in a terminal, wrapped."""
    for line in _wrapped(text, Console(stderr=True), 0):
        print(line, file=sys.stderr)


def _wrapped(text: str, console: Console, indent: int) -> list[str]:
    if not console.is_terminal:
        return [text]
    width = max(console.width - indent, _MIN_COLUMN_WIDTH)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def table(
    mark: str, rows: Sequence[Sequence[str]], *, head: Sequence[str] = (), to_stderr: bool = False
) -> None:
    """Print a table that is as wide as the terminal, or 80 characters wide if the output is not a terminal.

    A text that is too long for its column is wrapped in the column.

    Args:
        mark: the mark before each row, as in :func:`print_status`.
        rows: the cells of each row.
        head: the titles of the columns; without them, the table has no header.
        to_stderr: whether to print on standard error.
    """
    if not rows:
        return
    made = Table(box=None, show_header=bool(head), header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    console = Console(highlight=False, emoji=False, stderr=to_stderr)
    cells = [[one_line(cell, _MAX_CHARACTERS) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells, *([head] if head else []), strict=True)]
    # A text without spaces, such as a day or a batch's id, is not wrapped if there is room for it.
    unbroken = [
        width <= _MAX_UNBROKEN_WIDTH and not any(" " in cell for cell in column)
        for width, column in zip(widths, zip(*cells, strict=True), strict=True)
    ]
    left = (
        console.width
        - _MARK_WIDTH
        - sum(w + 2 for w, is_unbroken in zip(widths, unbroken, strict=True) if is_unbroken)
    )
    has_room = left >= _MIN_COLUMN_WIDTH * unbroken.count(False)
    for number, is_unbroken in enumerate(unbroken):
        name = escape(head[number]) if head else ""
        name = name if number else " " * _MARK_WIDTH + name
        made.add_column(name, overflow="fold", no_wrap=is_unbroken and has_room)
    for first, *rest in cells:
        made.add_row(Text.assemble((f"{mark:<{_MARK_WIDTH}}", _STYLES[mark]), first), *map(Text, rest))
    _print_lines(console, made, to_stderr=to_stderr)


def _print_lines(console: Console, made: Table, *, to_stderr: bool) -> None:
    """Print a table without trailing spaces."""
    with console.capture() as captured:
        console.print(made)
    for line in captured.get().splitlines():
        print(line.rstrip(), file=sys.stderr if to_stderr else sys.stdout)


def title(text: str) -> None:
    """Print a sentence in bold; in a terminal, wrapped."""
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    for line in _wrapped(one_line(text, _MAX_CHARACTERS), console, 0):
        console.print(f"[bold]{escape(line)}[/]")
