"""Writes the generated part of ``docs/command-line.md`` (``python -m include.cli.reference``); ``--check`` compares it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command

from include.cli.__main__ import PROGRAM
from include.cli.app import app
from include.cli.exit_codes import MEANINGS

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
BEGIN, END = "<!-- generated: python -m include.cli.reference -->", "<!-- end of the generated part -->"
COMMON = ("--connections", "--pipelines", "--lake", "--json", "--debug", "--help")
"""The options that every command of a pipeline has."""


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its words, such as ``ledger show``; groups are not commands."""
    yield from _subcommands(get_command(app), ())


def _subcommands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(words), command
        return
    for name, each in inner.items():
        yield from _subcommands(each, (*words, name))


def help_of(words: str, command: Any) -> str:
    """Return the help of a command as a terminal of 80 columns shows it."""
    context = typer.Context(command, info_name=f"{PROGRAM} {words}", terminal_width=80)
    return str(command.get_help(context)).rstrip()


def own_help(words: str, command: Any) -> str:
    """Return the help of a command without the options that every command has."""
    kept, is_common = [], False
    for line in help_of(words, command).splitlines():
        if line.startswith("  --") or not line.strip():
            is_common = line.split()[:1] != [] and line.split()[0] in COMMON
        if not is_common:
            kept.append(line)
    return "\n".join(kept).removesuffix("\nOptions:").rstrip()


def common_help() -> str:
    """Return the help of the options that every command of a pipeline has."""
    command = dict(commands())["plan"]
    return help_of("plan", command).partition("Options:\n")[2]


def exit_code_table() -> str:
    """Return the table of exit codes in Markdown."""
    rows = [f"| {code.value} | {text} |" for code, text in MEANINGS.items()]
    return "\n".join(["| exit code | meaning |", "|---|---|", *rows])


def generated() -> str:
    """Return the generated part of the page."""
    parts = [f"### {words}\n\n```text\n{own_help(words, command)}\n```\n" for words, command in commands()]
    common = f"Every command of a pipeline also has these options:\n\n```text\n{common_help()}\n```\n"
    return f"## Exit codes\n\n{exit_code_table()}\n\n## All commands\n\n{common}\n" + "\n".join(parts)


def main(argv: Sequence[str]) -> int:
    """Write the page; with ``--check`` return 1 if it is not up to date."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    made = f"{head}{BEGIN}\n\n{generated()}\n{END}{rest.partition(END)[2]}"
    if "--check" in argv:
        return int(made != text)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
