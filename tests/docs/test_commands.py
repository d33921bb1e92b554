"""Every command in the documentation exists: target, command, options, module."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from importlib.util import find_spec

import pytest

from include.cli import reference
from tests.support.documentation import ROOT, Command, code_lines, commands, pages

pytestmark = pytest.mark.unit
ALL = [command for page in pages() for command in commands(page)]
COMMANDS = dict(reference.commands())
TARGETS = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
VARIABLES = (ROOT / "Makefile").read_text(encoding="utf-8") + "".join(
    path.read_text(encoding="utf-8")
    for path in [*(ROOT / "scripts").rglob("*.py"), *(ROOT / "scripts").glob("*.sh")]
)


def of(program: str) -> list[Command]:
    return [command for command in ALL if command.program == program]


@cache
def sandbox_help() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mixpanel_aep_sandbox", "--help"], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_pages_have_commands_of_every_program() -> None:
    assert len(of("make")) > 20
    assert len(of("mixpanel-aep")) > 60
    assert len(of("mixpanel-aep-sandbox")) > 1
    assert len(of("python")) > 3


@pytest.mark.parametrize("command", of("make"), ids=str)
def test_every_make_target_and_variable_exists(command: Command) -> None:
    for word in command.arguments:
        name, is_variable, _ = word.partition("=")
        if is_variable:
            assert re.search(rf"\b{name}\b", VARIABLES), name
        else:
            assert word in TARGETS


@pytest.mark.parametrize("command", of("mixpanel-aep"), ids=str)
def test_every_command_exists_with_its_options(command: Command) -> None:
    first, *rest = command.arguments
    if first.startswith("-"):
        assert first in ("--help", "-h", "--version", "--install-completion", "--show-completion")
        return
    words = f"{first} {rest[0]}" if rest and f"{first} {rest[0]}" in COMMANDS else first
    assert words in COMMANDS or any(name.startswith(f"{first} ") for name in COMMANDS), "no such command"
    options = {word.partition("=")[0] for word in command.arguments if word.startswith("--")}
    if words in COMMANDS and words != "sandbox":
        known = (
            reference.help_of(words, COMMANDS[words])
            + " --pipelines --connections --lake --json --debug --help"
        )
        assert not [option for option in options if not re.search(rf"{option}\b", known)]


@pytest.mark.parametrize("command", of("mixpanel-aep-sandbox"), ids=str)
def test_every_option_of_the_sandbox_exists(command: Command) -> None:
    for option in (word for word in command.arguments if word.startswith("--")):
        assert option in sandbox_help()


@pytest.mark.parametrize("command", of("python"), ids=str)
def test_every_module_and_script_exists(command: Command) -> None:
    kind, *rest = command.arguments
    if kind == "-m":
        assert find_spec(rest[0]) is not None
    elif not kind.startswith("-"):
        assert (ROOT / kind).is_file()


def test_a_command_is_found_in_blocks_and_within_a_sentence() -> None:
    text = "Run `make a`.\n\n    make b   # why\n\n```sh\nmake c\n```\n"
    assert list(code_lines(text)) == ["make a", "make b   # why", "make c"]
    assert list(code_lines(text, inline=False)) == ["make b   # why", "make c"]
