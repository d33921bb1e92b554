"""Generate a part of ``docs/command-line.md`` from the help of the commands: ``python -m include.cli.reference``.

With ``--check``, the page is compared instead of written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from include.cli.__main__ import PROGRAM
from include.cli.app import app
from include.cli.exit_codes import MEANINGS

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
BEGIN, END = "<!-- generated: python -m include.cli.reference -->", "<!-- end of the generated part -->"


def commands() -> Iterator[tuple[str, TyperCommand]]:
    """Yield all commands, each with its full name, such as ``ledger show``; groups of commands are left out."""
    yield from _subcommands(get_command(app), ())


def _subcommands(command: object, words: tuple[str, ...]) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for name, each in command.commands.items():
            yield from _subcommands(each, (*words, name))
    elif isinstance(command, TyperCommand):
        yield " ".join(words), command


def pipeline_commands() -> dict[str, TyperCommand]:
    """Return the commands with the argument ``PIPELINE``, by their full name."""
    return {
        words: command
        for words, command in commands()
        if any(each.name == "pipeline" for each in command.params)
    }


def options_of(command: TyperCommand) -> set[str]:
    """Return the names of a command's options, such as ``--lake``."""
    return {"--help", *(name for each in command.params for name in each.opts if name.startswith("--"))}


@cache
def common_options() -> frozenset[str]:
    """Return the names of the options that every command with the argument ``PIPELINE`` has."""
    return frozenset(set.intersection(*map(options_of, pipeline_commands().values())))


def help_of(words: str, command: TyperCommand) -> str:
    """Return the help of a command as a terminal with 80 columns shows it. ``words``: the command's full name."""
    context = typer.Context(command, info_name=f"{PROGRAM} {words}", terminal_width=80)
    return str(command.get_help(context)).rstrip()


def help_without_common_options(words: str, command: TyperCommand) -> str:
    """Return the help of a command without ``common_options``. ``words``: the command's full name."""
    kept = [line for line, is_common in _lines(help_of(words, command)) if not is_common]
    return "\n".join(kept).removesuffix("\nOptions:").rstrip()


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a help text, each with whether it describes one of ``common_options``."""
    is_common = False
    for line in text.splitlines():
        if line.startswith("  --") or not line.strip():
            is_common = line.split()[:1] != [] and line.split()[0] in common_options()
        yield line, is_common


def common_help() -> str:
    """Return the part of the help that describes ``common_options``."""
    words, command = min(pipeline_commands().items(), key=lambda each: len(options_of(each[1])))
    return "\n".join(line for line, is_common in _lines(help_of(words, command)) if is_common)


def exit_code_table() -> str:
    """Return the table of exit codes as Markdown."""
    rows = [f"| {code.value} | {text} |" for code, text in MEANINGS.items()]
    return "\n".join(["| exit code | meaning |", "|---|---|", *rows])


def generated_part() -> str:
    """Return the generated part of the page as Markdown."""
    parts = [
        f"### {words}\n\n```text\n{help_without_common_options(words, command)}\n```\n"
        for words, command in commands()
    ]
    common = f"Every command of a pipeline also has these options:\n\n```text\n{common_help()}\n```\n"
    return f"## Exit codes\n\n{exit_code_table()}\n\n## All commands\n\n{common}\n" + "\n".join(parts)


def main(argv: Sequence[str]) -> int:
    """Write the page, and return 0. With ``--check``, write nothing, and return 1 if the page is not up to date."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    made = f"{head}{BEGIN}\n\n{generated_part()}\n{END}{rest.partition(END)[2]}"
    if "--check" in argv:
        return int(made != text)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
