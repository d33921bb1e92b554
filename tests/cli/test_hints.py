"""A hint on the command line fits a person at the command line: no task to clear, no worker, no DAG."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.cli.hints import hint_for_command_line
from include.errors import BadManifest
from tests.support.command_line import Printing

ROOT = Path(__file__).parents[2]
_OF_AIRFLOW = re.compile(r"\b[Tt]asks?\b|\b[Cc]lear(ed)?\b|\bworker\b|\bAirflow (process|retries)\b|\bDAG\b")
_BELOW_CLI = ("aep", "http", "lake", "mixpanel", "quality", "steps", "xdm")
_NOT_HINTS = {
    # Airflow's tasks and DAGs are what these are about, also at the command line.
    "Their DAGs would have the same id. Rename one of the files.",
    "Run all tasks as the same user. As root, run: chown -R export export",
}

HINTS = [
    ("Clear the task transform of this run.", "Run the day again."),
    ("Clear the task stage of this run, then this one.", "Run the day again."),
    ("Clear the task raw of this run and those after it: they are created again.", "Run the day again: they are created again."),
    ("Correct the mapping or the schema, then clear the task transform.", "Correct the mapping or the schema, then run the day again."),
    ("AEP failed without naming a row. Clear ingest once, then contact Adobe.", "AEP failed without naming a row. Run the day again once, then contact Adobe."),
    ("Run the task again; it finds the batch.", "Run the same command again; it finds the batch."),
    ("create the dataset with mixpanel-aep apply or the setup DAG.", "create the dataset with mixpanel-aep apply."),
    ("Correct the mapping.", "Correct the mapping."),
]  # fmt: skip


@pytest.mark.unit
@pytest.mark.parametrize(("of_airflow", "of_the_command_line"), HINTS)
def test_what_airflow_repeats_by_clearing_a_command_repeats(
    of_airflow: str, of_the_command_line: str
) -> None:
    assert hint_for_command_line(of_airflow) == of_the_command_line


def hints() -> Iterator[str]:
    """Every text of an error below the command line: the last argument of a call of a class."""
    for folder in _BELOW_CLI:
        for path in sorted((ROOT / "include" / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and len(node.exc.args) > 1:
                    yield from texts(node.exc.args[1])
                if (
                    isinstance(node, ast.Return)
                    and isinstance(node.value, ast.Call)
                    and len(node.value.args) > 1
                ):
                    yield from texts(node.value.args[-1])


def texts(node: ast.expr) -> Iterator[str]:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    words = [part.value if isinstance(part, ast.Constant) else "export" for part in parts]
    if all(isinstance(word, str) for word in words):
        yield "".join(map(str, words))


@pytest.mark.unit
def test_no_hint_of_the_steps_speaks_of_airflow_at_the_command_line() -> None:
    found = set(hints())
    assert sum(bool(_OF_AIRFLOW.search(each)) for each in found) > 10, "the hints were not found"
    translated = {hint_for_command_line(each) for each in found - _NOT_HINTS}
    assert {each for each in translated if _OF_AIRFLOW.search(each)} == set()


@pytest.mark.sandbox
def test_a_command_that_fails_says_how_to_run_the_day_again(
    printed: Printing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BadManifest("The schema snapshot x was not found.", "Clear the task transform.")

    monkeypatch.setattr("include.steps.run_day.DayRun.to_staged", fail)
    assert printed("apply", "hostile").code == 0
    found = printed("run", "hostile", "2026-07-01", "--json")
    assert found.json["error"]["hint"] == "Run the day again."
    assert "Hint: Run the day again." in found.err
