"""V: validation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.faults.case import ALL_OF_IT, Case, Do, Elsewhere, Go, Together, dies, run, three
from tests.faults.chaos.observe import all_of, counted, made, outputs, remembered, same
from tests.faults.observation import LakeKind
from tests.faults.process_run import DAYS, Run
from tests.faults.scenario import NOON, Scenario, event

_NOTHING: dict[str, Any] = {"active": 0, "batches": 0}
_TOO_LONG = tuple(event("Bad", key=f"bad-{n}", code="longer than five") for n in range(3))
_SUITE, _STEPS = "tests/quality/test_suite.py::", "tests/steps/validate/test_validate.py::"
_SCHEMA = "tests/xdm/schema/test_xdm_schema.py::"


def _shares(bad: int) -> dict[str, Any]:
    """Return a day of ten events, so many of them invalid, where a fifth may be."""
    good = tuple(event("Good", key=f"good-{n}") for n in range(10 - bad))
    return {
        "events": (*good, *_TOO_LONG[:bad]),
        "pipeline": {"quality": {"max_quarantined": 0.2}},
        "quarantined": bad,
    }


def expectations_are_broken() -> None:
    """Great Expectations raises inside one metric; it catches the error and reports it in its result."""
    from great_expectations.execution_engine import PandasExecutionEngine

    def raising(*_args: object, **_more: object) -> None:
        raise KeyError("canary-value")

    PandasExecutionEngine.get_domain_records = raising  # type: ignore[method-assign, assignment]


def _digest_of_another_day(scenario: Scenario) -> None:
    """The XCom of the task validate holds the value of another day's task."""
    other = Run(day=DAYS[1])
    scenario.add(*three(DAYS[1]))
    assert str(scenario.tried(Run(day=DAYS[1], until="validate"))) == "green"
    scenario.tasks(Run()).succeeded("validate", scenario.tasks(other).done()["validate"])


def _never_validated(scenario: Scenario) -> None:
    """A user marks validate as success although it never ran: stage receives transform's XCom."""
    scenario.tasks(Run()).succeeded("validate", scenario.tasks(Run()).done()["transform"])


def _rows_changed(scenario: Scenario) -> None:
    (file,) = made(scenario, "validate").files
    assert scenario.lake.root is not None
    path = scenario.lake.root / file.key
    path.write_bytes(path.read_bytes()[::-1])


def _verdict_of_nothing(scenario: Scenario) -> None:
    manifest = made(scenario, "validate")
    assert (manifest.rows, manifest.counts["valid"]) == (0, 0)
    page = scenario.lake.read(manifest.details["report"])
    assert page is not None
    assert b"<html" in page


def _nothing_published(scenario: Scenario) -> None:
    assert list(scenario.lake.keys(scenario.partition().step("validate"))) == []
    assert "canary-value" not in "".join(
        line for line in scenario.logs().splitlines() if "could not be checked" in line
    )


def _killed(lake: LakeKind) -> tuple[Case, ...]:
    variant = "" if lake == "disk" else f"/{lake}"
    more: dict[str, Any] = {
        "lake": lake,
        "events": (*three(), _TOO_LONG[0]),
        "quarantined": 1,
        "ledger": ALL_OF_IT,
    }
    check = all_of(same("validate", touched=True), outputs("validate", 1))
    return (
        Case(f"V01{variant}", "kill -9 before the manifest", "rerun; the same bytes over report, quarantine and rows", (
             dies("manifest.validate.before"), remembered("validate")), check=check, **more),
    )  # fmt: skip


def _shard_setting(shard_events: int | None) -> Do:
    def change(scenario: Scenario) -> None:
        changed = scenario.pipeline.model_copy(update={"shard_events": shard_events})
        scenario.change(pipeline=changed)

    return Do(f"shard_events is {shard_events} from now on", change)


_SPREAD = tuple(event("Seen", key=f"seen-{n}", time=NOON + 3600 * (6 * n - 9)) for n in range(4))
_SHARDS: dict[str, Any] = {
    "events": (*_SPREAD, event("Bad", key="bad", code="longer than five", time=NOON + 9 * 3600)),
    "pipeline": {"shard_events": 3},
    "active": 4,
    "quarantined": 1,
    "ledger": ALL_OF_IT,
}
"""Four valid events and an invalid one, in two shards."""


def _shards_are_not_made_again(scenario: Scenario) -> None:
    """The report and the quarantine, which are remembered as well, are those of the day, and written again."""
    folder = scenario.partition().step("validate_shard")
    remembered = json.loads((scenario.folder / "validate_shard.remembered").read_text())
    shards = {key: moment for key, (_, moment) in remembered.items() if key.startswith(folder)}
    assert shards
    assert {key: scenario.lake.modified(key).isoformat() for key in shards} == shards


def _scratch_is_empty(scenario: Scenario) -> None:
    assert list((Path(scenario.where.folder) / "scratch").iterdir()) == []


_TWO_SHARDS = outputs("validate_shard", 2)


def _shards(lake: LakeKind) -> tuple[Case, ...]:
    variant, more = ("" if lake == "disk" else f"/{lake}"), {**_SHARDS, "lake": lake}
    return (
        Case(f"V01/between shards{variant}", "kill -9 after the first of two shards", "rerun; the first shard is not validated again", (
             dies("manifest.validate_shard.after"), remembered("validate_shard")),
             check=all_of(same("validate_shard", touched=False), _TWO_SHARDS, outputs("validate", 1)), **more),
        Case(f"V01/in a shard{variant}", "kill -9 before the manifest of the second shard", "rerun; the second shard has the same bytes", (
             dies("manifest.validate_shard.before", 2), remembered("validate_shard")),
             check=all_of(same("validate_shard", touched=True), _TWO_SHARDS), **more),
        Case(f"V01/after the shards{variant}", "kill -9 before the manifest of the day", "rerun; no shard is validated again", (
             dies("manifest.validate.before"), remembered("validate_shard")),
             check=all_of(_shards_are_not_made_again, _TWO_SHARDS), **more),
        Case(f"V01/one shard twice{variant}", "two workers publish the same shard at once", "one manifest; both are green", (
             Go(run(until="transform")),
             Together((run("manifest.validate_shard.before:1=stop"), run(name="other")), ("green", "green"))),
             check=all_of(_TWO_SHARDS, outputs("validate", 1)), **{**more, "ledger": None}),
    )  # fmt: skip


CASES: tuple[Case | Elsewhere, ...] = (
    *_killed("disk"),
    *_killed("s3"),
    *_shards("disk"),
    *_shards("s3"),
    Case("V01/other shards", "shard_events is changed after a kill between shards", "rerun with the new shards; nothing is loaded twice", (
         dies("manifest.validate_shard.after"), _shard_setting(3)), check=all_of(outputs("validate_shard", 3), outputs("validate", 1)),
         **{**_SHARDS, "pipeline": {"shard_events": 1}}),
    Case("V01/scratch of a shard", "kill -9 while the files of a shard are uploaded", "rerun; it removes the scratch of the killed process", (
         Go(run(until="transform")), dies("lake.upload.after")), check=all_of(_scratch_is_empty, _TWO_SHARDS), **_SHARDS),
    Case("V01/no shards", "shard_events is removed after a kill between shards", "rerun as a whole; nothing is loaded twice", (
         dies("manifest.validate_shard.after"), _shard_setting(None)), check=all_of(outputs("validate_shard", 1), outputs("validate", 1)), **_SHARDS),
    Case("V01/new shards", "shard_events is set after a day was loaded", "rerun; nothing is loaded twice", (
         Go(), _shard_setting(3), Go(run(name="again"))), check=_TWO_SHARDS, **{**_SHARDS, "pipeline": {}}),
    Case("V01/between report and quarantine", "kill -9 after the report", "rerun; the report is written again with the same bytes", (
         Go(run(until="transform")), dies("lake.upload.after"), remembered("validate")), events=(*three(), _TOO_LONG[0]), quarantined=1,
         ledger=ALL_OF_IT, check=all_of(same("validate", touched=True), outputs("validate", 1))),
    Case("V01/after the manifest", "kill -9 after the manifest", "rerun is a no-op", (
         dies("manifest.validate.after"), remembered("validate")), events=(*three(), _TOO_LONG[0]), quarantined=1, ledger=ALL_OF_IT,
         check=same("validate", touched=False)),
    Case("V02/below", "reject share below the limit", "pass", (), active=9, **_shares(1)),
    Case("V02/at", "reject share at the limit", "pass", (), active=8, **_shares(2)),
    # No manifest of validate names this quarantine because none was published: the rows stay readable and count as lost.
    Case("V02/above", "reject share above the limit", "red TooManyQuarantined with the top reasons", (
         Go(ends="red:TooManyQuarantined", says=r"3 of 10 events .*code must have at most 5 characters \(3\)"),),
         finally_="red:TooManyQuarantined", lost=10, left=frozenset({"report", "quarantine"}), check=outputs("validate", 0),
         **_NOTHING, **(_shares(3) | {"quarantined": 0})),
    Elsewhere("V03", "required XDM field missing in all rows", "red before anything is staged",
              (_STEPS + "test_a_required_field_without_values_fails_before_rows_are_checked",)),
    # Old data is validated again under the new schema, whose digest is among the inputs: rows that no longer fit are
    # quarantined with the field and its limit, and too many of them fail the task.
    Elsewhere("V04", "schema gains a required field / narrows an enum / changes a type between runs",
              "expectations follow; rows that no longer fit are quarantined, their field named",
              (_STEPS + "test_expectations_follow_the_schema", "tests/quality/test_derive_expectations.py::test_a_new_required_field_is_expected_at_once",
               _STEPS + "test_a_field_that_accepts_none_of_a_days_values_is_named_before_staging")),
    Elsewhere("V05", "schema gains an optional field", "green, no code change", (_STEPS + "test_expectations_follow_the_schema",)),
    Elsewhere("V06", "schema unreadable, cyclic $ref, remote $ref", "red; no network fetch of $ref",
              (_SCHEMA + "test_what_xdm_does_not_support_is_named_with_its_path", _SCHEMA + "test_a_schema_that_contains_itself_is_refused",
               _SCHEMA + "test_a_schema_without_fields_is_refused", "tests/lake/test_manifest.py::test_a_damaged_schema_snapshot_is_named",
               "tests/quality/test_unchecked_expectations.py::test_a_reference_inside_a_schema_is_never_fetched")),
    Case("V07", "zero rows", "an explicit verdict with a report, not a vacuous pass", (), events=(), ledger=("empty",),
         check=all_of(counted("validate", mapped=0, valid=0, quarantined=0), _verdict_of_nothing), **_NOTHING),
    Case("V07/all refused", "rows, of which not one is valid", "as V07, and every one is in quarantine", (), events=_TOO_LONG, quarantined=3,
         ledger=("empty",), check=all_of(counted("validate", mapped=3, valid=0, quarantined=3), _verdict_of_nothing), **_NOTHING),
    Case("V08", "GX raises inside one expectation", "verdict = error (red), not success", (
         Go(ends="red:ValidationBroken", says="could not be checked"),), scenario={"prepare": expectations_are_broken},
         finally_="red:ValidationBroken", lost=3, check=_nothing_published, **_NOTHING),
    Case("V09/skipped", "validate is marked a success and never ran", "stage refuses: the output of validate is missing", (
         Go(run(until="transform")), Do("marked a success", _never_validated), Go(ends="red:BadManifest", says="Clear the task validate"),
         Do("a user clears validate", lambda scenario: scenario.tasks(Run()).clear("validate"))), ledger=ALL_OF_IT),
    Case("V09/another day's", "the report belongs to other content", "stage refuses: the output of validate is missing", (
         Go(run(until="transform")), Do("another day's XCom", _digest_of_another_day), Go(ends="red:BadManifest"),
         Do("a user clears validate", lambda scenario: scenario.tasks(Run()).clear("validate"))), active=3, lost=3),
    Case("V09/changed rows", "the validated rows were changed afterwards", "stage refuses: their bytes are not the manifest's", (
         Go(run(until="validate")), Do("a user changes the rows", _rows_changed)), finally_="red:BadManifest", lost=3, **_NOTHING),
    Elsewhere("V10", "an expectation for every schema constraint", "each kind has a row that it catches, and that passes without it",
              (_SUITE + "test_every_constraint_of_the_table_has_a_row_that_it_detects",
               _SUITE + "test_without_its_expectation_an_invalid_row_passes",
               _SUITE + "test_each_violation_is_found_by_its_own_expectation_and_no_other")),
)  # fmt: skip
