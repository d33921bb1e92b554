"""O21: a refresh that reads only the different lines dies and is run again."""

from __future__ import annotations

from include.lake.manifest import StepName
from tests.faults.case import ALL_OF_IT, Case, Do, Go, add, dies, run
from tests.faults.chaos.faults import differences_alone
from tests.faults.chaos.observe import made
from tests.faults.scenario import Scenario, event

_AGAIN = run(name="again", refresh=True)
_LATE = add(event("Late", key="late-1"), event("Late", key="late-2"))
_STEPS: tuple[StepName, ...] = ("export", "transform", "validate")


def _deleted(scenario: Scenario) -> None:
    scenario.stage.post(
        f"/mixpanel/projects/{scenario.project_id}/deletions", {"insert_ids": ["i-Added-2026-07-01"]}
    )


def _only_differences(scenario: Scenario) -> None:
    """Assert that the steps read the new and the removed lines, and count the day's rows."""
    found = {step: made(scenario, step) for step in _STEPS}
    assert all(manifest.delta is not None for manifest in found.values())
    assert [found[step].rows for step in _STEPS] == [4, 4, 4]
    assert [found[step].rows_in_files for step in _STEPS] == [2, 2, 2]
    assert {name: made(scenario, "stage").counts[name] for name in ("staged", "already_active", "vanished")} == {
        "staged": 2, "already_active": 2, "vanished": 1,
    }  # fmt: skip


_DEATHS = (
    ("export, before its second file", "lake.upload.after", 1), ("export, before the manifest", "manifest.export.before", 1),
    ("export, after the manifest", "manifest.export.after", 1), ("export, after the refresh", "refresh.after", 1),
    ("transform, before a file", "lake.upload.before", 4), ("transform, between files", "lake.upload.after", 4),
    ("transform, before the manifest", "manifest.transform.before", 1), ("transform, after the manifest", "manifest.transform.after", 1),
    ("validate, before the manifest", "manifest.validate.before", 1), ("validate, after the manifest", "manifest.validate.after", 1),
    ("stage, before the manifest", "manifest.stage.before", 1), ("stage, after the manifest", "manifest.stage.after", 1),
    ("ingest, after COMPLETE", "batch.complete.after", 1),
)  # fmt: skip

CASES: tuple[Case, ...] = (
    *(Case(f"O21/{name}", "kill -9 during a refresh of a few lines", "the rerun finds what is whole, and loads the late events once",
           (Go(), _LATE, Do("Mixpanel deletes an event", _deleted), dies(point, times, name="again", refresh=True)),
           scenario={"prepare": differences_alone}, run=_AGAIN, active=5, batches=2, ledger=ALL_OF_IT * 2, check=_only_differences)
      for name, point, times in _DEATHS),
    # The lost event was returned by an export, and Mixpanel has deleted it since.
    Case("O21/replaced", "the day is replaced after a refresh of a few lines", "all rows of the day, once, and none that is gone",
         (Go(), _LATE, Do("Mixpanel deletes an event", _deleted), Go(_AGAIN)), scenario={"prepare": differences_alone},
         run=run(name="replaced", replace=True), active=4, batches=3, ledger=ALL_OF_IT * 3, lost=1),
)  # fmt: skip
