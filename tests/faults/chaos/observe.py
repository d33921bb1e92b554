"""What else a case can ask of its place: of the requests, the manifests, the lake and the rows at AEP."""

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
    """The exports that this place's project was asked for, in the transcript's words."""
    entries = scenario.stage.get("/transcript", path=EXPORT["path"])["entries"]
    return [entry for entry in entries if f"project_id={scenario.project_id}&" in entry["query"]]


def asked(times: int) -> Check:
    """Mixpanel was asked for the day exactly so often, all tries together."""

    def check(scenario: Scenario) -> None:
        # An answer that the client gave up is written down when the sandbox has noticed.
        deadline = time.monotonic() + _NOTICED_SECONDS
        while len(found := exports(scenario)) < times and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(found) == times, [(entry["status"], entry["fault"]) for entry in found]

    return check


def made(scenario: Scenario, step: str) -> Manifest:
    """The newest manifest of a step."""
    return newest_manifests(scenario.lake, scenario.partition())[step]


def counted(step: str, **counts: int) -> Check:
    """The step's newest manifest counts so many."""

    def check(scenario: Scenario) -> None:
        found = made(scenario, step).counts
        assert {name: found.get(name) for name in counts} == counts, found

    return check


def refused(step: str, **reasons: int) -> Check:
    """The step has quarantined for these reasons, so often, and for no other."""

    def check(scenario: Scenario) -> None:
        assert made(scenario, step).details["reasons"] == reasons

    return check


def outputs(step: StepName, count: int) -> Check:
    """The step has published exactly so many outputs of the day."""

    def check(scenario: Scenario) -> None:
        keys = manifest_keys(scenario.lake, scenario.partition(), step)
        assert len(keys) == count, keys

    return check


def rows(scenario: Scenario) -> list[dict[str, Any]]:
    """The rows that AEP holds, as they were loaded."""
    query = {"dataset": scenario.pipeline.aep.dataset, "limit": "2000"}
    answer = scenario.stage.session.get(f"{scenario.stage.url}/_sandbox/aep/rows", params=query, timeout=30)
    answer.raise_for_status()
    return [json.loads(line) for line in answer.content.split(b"\n") if line]


def unmapped(row: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that a row at AEP carries without a mapping; numbers with a point or an exponent as text."""
    (tenant,) = (value for value in row.values() if isinstance(value, dict) and "mixpanel" in value)
    return dict(json.loads(tenant["mixpanel"].get("unmapped", "{}"), parse_float=str))


def silent_about(*texts: str) -> Check:
    """No try has said any of it."""

    def check(scenario: Scenario) -> None:
        for text in texts:
            assert text not in scenario.logs()

    return check


def remembered(step: str) -> Do:
    """Notes what a step has put into the lake so far, for ``same``."""

    def remember(scenario: Scenario) -> None:
        (scenario.folder / f"{step}.remembered").write_text(json.dumps(_put(scenario, step)))

    return Do(f"what {step} has made is remembered", remember)


def same(step: str, *, touched: bool) -> Check:
    """What was remembered is there with the same bytes; and unless it may be ``touched``, nobody has written it again."""

    def check(scenario: Scenario) -> None:
        before, now = json.loads((scenario.folder / f"{step}.remembered").read_text()), _put(scenario, step)
        assert before
        for key, (digest, moment) in before.items():
            assert now[key][0] == digest, f"{key} has other bytes"
            assert touched or now[key][1] == moment, f"{key} was written again"

    return check


def _put(scenario: Scenario, step: str) -> dict[str, list[str]]:
    """Digest and moment of every object of a step, its quarantine and its report."""
    partition = scenario.partition(DAYS[0])
    folders = (partition.step(step), f"{partition.prefix}/quarantine", f"{partition.prefix}/report")
    found = {}
    for key in (key for folder in folders for key in scenario.lake.keys(folder)):
        copied = scenario.lake.download(key, scenario.folder / "looked-at" / key)
        found[key] = [copied.sha256, scenario.lake.modified(key).isoformat()]
    return found
