"""The page of the command line, its help and its completion match the commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from include.cli import reference
from include.cli.__main__ import main
from include.cli.exit_codes import MEANINGS, ExitCode
from include.version import VERSION

pytestmark = pytest.mark.unit
COMMANDS = dict(reference.commands())
ALL = (
    """
pipelines, check, discover, plan, apply, preview, run, status, audit, verify, recover, clean, migrate, sandbox,
quarantine list, quarantine show, quarantine replay, ledger show, ledger adopt, ledger release, lake sign
""".strip()
    .replace("\n", " ")
    .split(", ")
)


def test_every_command_is_there_and_the_page_is_up_to_date() -> None:
    assert set(ALL) <= COMMANDS.keys()
    assert reference.main(["--check"]) == 0, "run: python -m include.cli.reference"
    page = reference.PAGE.read_text()
    assert not [code for code in MEANINGS if f"| {code.value} | {MEANINGS[code]} |" not in page]
    assert set(MEANINGS) == set(ExitCode)


def test_the_page_lists_as_common_only_the_options_of_every_command_of_a_pipeline() -> None:
    page = reference.PAGE.read_text().split("Every command of a pipeline also has these options:")[1]
    listed = set(re.findall(r"^  (--[a-z-]+)", page.split("```")[1], re.MULTILINE))
    assert listed == {"--connections", "--pipelines", "--lake", "--json", "--debug", "--help"}
    assert "--backfill DAY..DAY" in reference.help_without_common_options("plan", COMMANDS["plan"])
    for words in set(ALL) - {"pipelines", "migrate", "sandbox"}:
        text = reference.help_of(words, COMMANDS[words])
        assert listed <= set(re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE)), words


@pytest.mark.parametrize("words", COMMANDS)
def test_help_is_plain_text_of_80_columns(words: str, capfd: pytest.CaptureFixture[str]) -> None:
    text = reference.help_of(words, COMMANDS[words])
    assert max(map(len, text.splitlines())) <= 80
    assert not re.search(r"`|\[/?(bold|green|red)|\*\*|:param|Raises", text)
    summary = text.splitlines()[2].strip()
    assert summary.endswith(".")
    assert main([*words.split(), "--help"]) == 0
    # The sandbox, in a separate process, shows the help of its own program.
    assert (summary if words != "sandbox" else "--query-port") in capfd.readouterr().out


@pytest.mark.parametrize("words", [words for words in COMMANDS if words != "sandbox"])
def test_every_command_prints_json_on_request(words: str) -> None:
    assert "--json" in reference.help_of(words, COMMANDS[words])


@pytest.mark.parametrize("argv", [["--help"], ["-h"]])
def test_the_first_help_fits_and_has_the_exit_codes(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line.endswith("...") and "ARGS" not in line], "a summary is cut"
    for code, text in MEANINGS.items():
        assert f"  {code.value:>5}  {text}" in lines


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mixpanel-aep {VERSION}\n"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("mixpanel-aep qu", {"quarantine"}),
        ("mixpanel-aep ledger ", {"show", "adopt", "release"}),
        ("mixpanel-aep run sh", {"shop"}),
        ("mixpanel-aep run shop --rep", {"--replace"}),
    ],
)
def test_a_shell_completes_commands_options_and_pipelines(
    line: str, found: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_MIXPANEL_AEP_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    assert main([]) == 0
    assert set(capsys.readouterr().out.split()) == found


SHELLS = {
    "bash": lambda line: {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)},
    "zsh": lambda line: {"_TYPER_COMPLETE_ARGS": line},
    "fish": lambda line: {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}
"""How the completion script of each shell passes the line to the program."""


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "word"), [("mixpanel-aep qu", "quarantine"), ("mixpanel-aep run sh", "shop")]
)
def test_every_shell_gets_a_script_and_completes_commands_and_pipelines(
    shell: str, line: str, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_MIXPANEL_AEP_COMPLETE", f"source_{shell}")
    assert main([]) == 0
    script = capsys.readouterr().out
    assert "mixpanel-aep" in script and f"_MIXPANEL_AEP_COMPLETE=complete_{shell}" in script
    monkeypatch.setenv("_MIXPANEL_AEP_COMPLETE", f"complete_{shell}")
    for name, value in SHELLS[shell](line).items():
        monkeypatch.setenv(name, value)
    assert main([]) == 0
    assert word in capsys.readouterr().out


def test_bash_completes_with_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_MIXPANEL_AEP_COMPLETE", "source_bash")
    assert main([]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    program = tmp_path / "mixpanel-aep"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m include.cli "$@"\n')
    program.chmod(0o755)
    [function] = re.findall(r"complete .*-F (\w+) mixpanel-aep", (tmp_path / "script").read_text())
    lines = f"""source '{tmp_path}/script'
COMP_WORDS=(mixpanel-aep run ho); COMP_CWORD=2; {function} mixpanel-aep; echo "${{COMPREPLY[@]}}"
"""
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    environment.pop("_MIXPANEL_AEP_COMPLETE")
    done = subprocess.run(
        ["bash", "--norc", "-c", lines],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=True,
    )
    assert done.stdout.split() == ["hostile"]


def test_a_command_that_is_not_installed_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    from include.cli.commands import sandbox

    def names(app: Any) -> set[str]:
        return {command.callback.__name__ for command in app.registered_commands}

    with_it, without = typer.Typer(), typer.Typer()
    sandbox.add_sandbox(with_it)
    monkeypatch.setattr(sandbox, "PACKAGE", "no_such_package")
    sandbox.add_sandbox(without)
    assert (names(with_it), names(without)) == ({"sandbox"}, set())
