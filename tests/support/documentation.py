"""The pages of the documentation, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
GENERATED = re.compile(r"<!-- generated: python -m include\.cli\.reference -->.*", re.DOTALL)
PROGRAMS = ("make", "mixpanel-aep", "mixpanel-aep-sandbox", "python")


class Command(NamedTuple):
    """One command of a page."""

    page: str
    program: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {self.program} {' '.join(self.arguments)}"


def pages() -> list[Path]:
    """Return every page of the documentation."""
    return [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "sandbox/README.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
    ]


def text_of(page: Path) -> str:
    """Return a page without the part that is generated from the command line itself."""
    return GENERATED.sub("", page.read_text(encoding="utf-8"))


def code_lines(text: str, *, inline: bool = True) -> Iterator[str]:
    """Yield the lines of indented and fenced code blocks; with ``inline``, also the code between backticks in a line."""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.strip()
        elif inline:
            yield from re.findall(r"`([^`]+)`", line)


def commands(page: Path, *, inline: bool = True) -> Iterator[Command]:
    """Yield the commands of a page that this project can check."""
    for line in code_lines(text_of(page), inline=inline):
        for part in re.split(r"&&|\|(?!\|)|;", re.sub(r"(?:^|\s)#.*", "", line)):
            try:
                words = shlex.split(part)
            except ValueError:
                continue
            while words and re.fullmatch(r"[A-Z][A-Z_0-9]*=.*", words[0]):
                words.pop(0)
            program = words[0].removeprefix(".venv/bin/").removeprefix(".venv-cluster/bin/") if words else ""
            if program in PROGRAMS and len(words) > 1:
                yield Command(page.relative_to(ROOT).as_posix(), program, tuple(words[1:]))
