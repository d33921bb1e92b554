"""Observations of a scenario: its requests, manifests, lake and rows at AEP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from include.lake.manifest import Manifest, StepName
from include.lake.manifests import manifest_keys
from scripts.demo.evidence import newest_manifests
from tests.faults.case import Do
from tests.faults.process_run import DAYS
from tests.faults.scenario import Scenario

Check = Callable[[Scenario], object]
EXPORT = {"path": "/api/2.0/export"}
_NOTICED_SECONDS = 5.0


def all_of(*checks: Check) -> Check:
    def check(scenario: Scenario) -> None:
        for one in checks:
            one(scenario)

    return check


def exports(scenario: Scenario) -> list[dict[str, Any]]:
    """Return the exports that this project was asked for, from the transcript."""
    entries = scenario.stage.get("/transcript", path=EXPORT["path"])["entries"]
    return [entry for entry in entries if f"project_id={scenario.project_id}&" in entry["query"]]


def asked(times: int) -> Check:
    """Assert how often Mixpanel was asked for the day, in all tries together."""

    def check(scenario: Scenario) -> None:
        # A response that the client abandoned is recorded when the sandbox notices it.
        deadline = time.monotonic() + _NOTICED_SECONDS
        while len(found := exports(scenario)) < times and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(found) == times, [(entry["status"], entry["fault"]) for entry in found]

    return check


def made(scenario: Scenario, step: str) -> Manifest:
    """Return the newest manifest of a step."""
    return newest_manifests(scenario.lake, scenario.partition())[step]


def counted(step: str, **counts: int) -> Check:
    """Assert a count in the step's newest manifest."""

    def check(scenario: Scenario) -> None:
        found = made(scenario, step).counts
        assert {name: found.get(name) for name in counts} == counts, found

    return check


def refused(step: str, **reasons: int) -> Check:
    """Assert the reasons and counts of the step's quarantine."""

    def check(scenario: Scenario) -> None:
        assert made(scenario, step).details["reasons"] == reasons

    return check


def outputs(step: StepName, count: int) -> Check:
    """Assert how many outputs of the day the step published."""

    def check(scenario: Scenario) -> None:
        keys = manifest_keys(scenario.lake, scenario.partition(), step)
        assert len(keys) == count, keys

    return check


def rows(scenario: Scenario) -> list[dict[str, Any]]:
    """Return the rows that AEP holds, as they were loaded."""
    query = {"dataset": scenario.pipeline.aep.dataset, "limit": "2000"}
    answer = scenario.stage.session.get(f"{scenario.stage.url}/_sandbox/aep/rows", params=query, timeout=30)
    answer.raise_for_status()
    return [json.loads(line) for line in answer.content.split(b"\n") if line]


def unmapped(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row's unmapped properties at AEP; numbers with a point or an exponent as text."""
    (tenant,) = (value for value in row.values() if isinstance(value, dict) and "mixpanel" in value)
    return dict(json.loads(tenant["mixpanel"].get("unmapped", "{}"), parse_float=str))


def silent_about(*texts: str) -> Check:
    """Assert that no try printed any of the texts."""

    def check(scenario: Scenario) -> None:
        for text in texts:
            assert text not in scenario.logs()

    return check


def remembered(step: str) -> Do:
    """Remember what a step has put into the lake so far, for ``same``."""

    def remember(scenario: Scenario) -> None:
        (scenario.folder / f"{step}.remembered").write_text(json.dumps(_put(scenario, step)))

    return Do(f"what {step} has made is remembered", remember)


def same(step: str, *, touched: bool) -> Check:
    """Assert that the remembered objects have the same bytes and, unless ``touched``, were not rewritten."""

    def check(scenario: Scenario) -> None:
        before, now = json.loads((scenario.folder / f"{step}.remembered").read_text()), _put(scenario, step)
        assert before
        for key, (digest, moment) in before.items():
            assert now[key][0] == digest, f"{key} has other bytes"
            assert touched or now[key][1] == moment, f"{key} was written again"

    return check


def _put(scenario: Scenario, step: str) -> dict[str, list[str]]:
    """Return digest and time of every object of a step, its quarantine and its report."""
    partition = scenario.partition(DAYS[0])
    folders = (partition.step(step), f"{partition.prefix}/quarantine", f"{partition.prefix}/report")
    found = {}
    for key in (key for folder in folders for key in scenario.lake.keys(folder)):
        copied = scenario.lake.download(key, scenario.folder / "looked-at" / key)
        found[key] = [copied.sha256, scenario.lake.modified(key).isoformat()]
    return found
