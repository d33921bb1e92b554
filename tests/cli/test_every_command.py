"""Every command: its output fits a terminal, its JSON is one object, and its errors are sentences."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.cli import reference
from include.cli.__main__ import main
from include.cli.exit_codes import ExitCode
from include.cli.project import Project
from include.lake.signing_keys import SIGNING_KEYS_ENVIRONMENT
from tests.support.command_line import Printed
from tests.support.sandbox.flow_client import Client

DAY, JUNE_30 = "2026-07-01", 1_782_777_600
OF_NO_BATCH = ("shop", DAY, "--batch", "01NOBATCH", "--why", "a test")
RUNS: dict[str, tuple[tuple[str, ...], int]] = {
    "pipelines": ((), 0),
    "plan": (("shop",), 0),
    "apply": (("shop",), 0),
    "check": (("shop",), 0),
    "preview": (("shop", DAY, "--rows", "50"), 0),
    "run": (("shop", "2026-06-30", "2026-07-02"), 0),
    "discover": (("shop",), 0),
    "status": (("shop",), 0),
    "audit": (("shop",), 0),
    "verify": (("shop",), 0),
    "quarantine list": (("shop",), 0),
    "quarantine show": (("shop", DAY), 0),
    "quarantine replay": (("shop", DAY), 0),
    "ledger show": (("shop", DAY), 0),
    "ledger adopt": (OF_NO_BATCH, 1),
    "ledger release": (OF_NO_BATCH, 1),
    "recover": (("shop",), 0),
    "clean": (("shop",), 0),
    "forget": (("shop", "--user-id", "nobody", "--dry-run"), 0),
    "alerts test": (("shop",), 1),
    "migrate": (("FLOW", "--name", "native"), 0),
    "lake sign": (("shop",), 0),
}
"""Arguments and exit code of each command, in an order in which each finds what it needs."""
COMMANDS = [words for words, _ in reference.commands() if words != "sandbox"]
WIDTH, LONGEST_WORD = 80, 60
_MARKUP = re.compile(r"\[/?(?:bold|red|green|yellow)\b|\*\*|``")
_COLOUR = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")
_COUNT_OF_ONE = re.compile(r"\b1 (?:events|rows|days|batches|duplicates|lines|records|properties|requests)\b")
Run = Callable[..., Printed]


@pytest.fixture
def flow(port: int, empty_sandbox: None) -> str:
    """A dataflow of Adobe's Mixpanel source; returns its id."""
    client = Client(f"http://127.0.0.1:{port}")
    schema = client.schema()
    source = client.source(client.connection(), 3_000_002, "UTC")
    target = client.target(client.add_dataset(schema=schema))
    body = client.flow_body(
        source, target, client.mapping(schema), startTime=str(JUNE_30),
        backfill="false", frequency="hour", interval=24,
    )  # fmt: skip
    return client.flow(body | {"name": "Mixpanel to AEP"})


@pytest.fixture
def run(
    tmp_path: Path, flow: str, pipelines: Path, connections: Path, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Return a function that runs a command with the options that it has."""
    given = {"--connections": connections, "--pipelines": pipelines, "--lake": f"file://{tmp_path}/lake"}
    options = {words: reference.options_of(command) for words, command in reference.commands()}

    def command(words: str, *arguments: str) -> Printed:
        argv = [*words.split(), *(flow if each == "FLOW" else each for each in arguments)]
        for option, value in given.items():
            argv += [option, str(value)] if option in options[words] else []
        code = main(argv)
        found = capsys.readouterr()
        return Printed(code, found.out, found.err)

    return command


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns without colours."""
    for name, value in (("TTY_COMPATIBLE", "1"), ("NO_COLOR", "1"), ("COLUMNS", str(WIDTH))):
        monkeypatch.setenv(name, value)


def problems(text: str) -> Iterator[str]:
    """Yield the lines that are too wide, except for a path or an address, and lines with markup or a wrong plural."""
    for line in _COLOUR.sub("", text).splitlines():
        if len(line) > WIDTH and max(map(len, line.split())) < LONGEST_WORD:
            yield f"{len(line)} columns: {line}"
        if found := _MARKUP.search(line) or _COUNT_OF_ONE.search(line):
            yield f"{found[0]!r}: {line}"


@pytest.mark.unit
def test_the_table_has_every_command() -> None:
    assert set(COMMANDS) == RUNS.keys()


@pytest.mark.sandbox
@pytest.mark.usefixtures("terminal")
def test_every_command_fits_a_terminal_and_prints_one_json_object(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: dict[str, object] = {}
    for words, (arguments, code) in RUNS.items():
        if words == "lake sign":
            monkeypatch.setenv(SIGNING_KEYS_ENVIRONMENT, secrets.token_hex(32))
        shown, as_json = run(words, *arguments), run(words, *arguments, "--json")
        assert (shown.code, as_json.code) == (code, code), f"{words}: {shown.err}{as_json.err}"
        assert shown.out or code, words
        result = json.loads(as_json.out)
        assert isinstance(result, dict) and result, words
        assert ("error" in result) == bool(code), words
        if found := [*problems(shown.out), *problems(re.sub(r"\r.*", "", shown.err))]:
            wrong[words] = found
    assert wrong == {}, "\n".join(map(str, wrong.items()))


@pytest.mark.sandbox
def test_every_error_is_a_sentence_and_a_hint_also_in_json(run: Run, pipelines: Path) -> None:
    for words in COMMANDS:
        arguments = {"pipelines": (), "migrate": ("no-such-flow",)}.get(words, ("nope", *RUNS[words][0][1:]))
        if words == "pipelines":
            (pipelines / "wrong.yaml").write_text("mixpanel: 1\n")
        shown, as_json = run(words, *arguments), run(words, *arguments, "--json")
        (pipelines / "wrong.yaml").unlink(missing_ok=True)
        assert (shown.code, as_json.code) == (ExitCode.REFUSED, ExitCode.REFUSED), words
        assert "Traceback" not in shown.out + shown.err + as_json.err, words
        result = json.loads(as_json.out)
        [error] = [result["error"]] if "error" in result else result["faults"]
        assert error["sentence"].endswith("."), words
        assert error["sentence"] in shown.out + shown.err, words
        assert "nope" not in arguments or error["hint"].startswith("Existing pipelines: "), words


@pytest.mark.sandbox
def test_a_defect_is_one_sentence_without_values_and_without_a_traceback(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("u-1@example.com")

    monkeypatch.setattr(Project, "of", fail)
    for words in reference.pipeline_commands():
        found = run(words, *RUNS[words][0], "--json")
        assert found.code == ExitCode.DEFECT, words
        assert json.loads(found.out)["error"]["kind"] == "ValueError"
        assert not re.search(r"Traceback|u-1@", found.out + found.err), words
