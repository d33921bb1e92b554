"""T: mapping to XDM."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from include.xdm.dataprep.functions import strings
from include.xdm.events.event_id import event_id
from tests.faults.case import ALL_OF_IT, Case, Do, Elsewhere, Go, dies, run, three
from tests.faults.cases.export import line
from tests.faults.chaos.observe import (
    Check,
    all_of,
    counted,
    made,
    outputs,
    refused,
    remembered,
    rows,
    same,
    unmapped,
)
from tests.faults.observation import LakeKind
from tests.faults.process_run import Run
from tests.faults.scenario import NOON, Scenario, event

_OTHER_MAPPING = str(Path(__file__).parents[1] / "mapping_with_expression.json")
_NO_ID: dict[str, Any] = {"$insert_id": None}
_NOBODY = tuple(
    event("Ad spend", distinct_id=who, key=key, **{"$user_id": None})
    for key, who in (("missing", None), ("blank", "  "), ("empty", ""))
)
_RESERVED = {"_id": "mine", "timestamp": "1999-01-01T00:00:00Z", "identityMap": {"User": [{"id": "x"}]}, "eventType": "mine",
             "_{TENANT_ID}.mixpanel.code": "mine", "mixpanel": {"code": "mine"}, "never heard of": [1, {"a": None}]}  # fmt: skip
_TESTS = "tests/steps/transform/test_transform.py::"


def at(time: str, key: str) -> Any:
    """Return an event of the day's export with exactly this ``time``."""
    return line(f'{{"event":"A","properties":{{"time":{time},"distinct_id":"u","$insert_id":"{key}"}}}}')


_BAD = at("null", "bad")


def _another_mapping(scenario: Scenario) -> None:
    scenario.change(pipeline=scenario.pipeline.model_copy(update={"mapping": _OTHER_MAPPING}))


def _cleared(*steps: str) -> Do:
    return Do(f"a user clears {', '.join(steps)}", lambda scenario: scenario.tasks(Run()).clear(*steps))


def codes(*expected: str | None) -> Check:
    """Assert the codes that the rows at AEP have."""

    def check(scenario: Scenario) -> None:
        found = [
            next(v for v in row.values() if isinstance(v, dict) and "mixpanel" in v) for row in rows(scenario)
        ]
        reported = [tenant["mixpanel"].get("code") for tenant in found]
        assert sorted(reported, key=str) == sorted(expected, key=str), reported

    return check


def _reserved_names_are_only_names(scenario: Scenario) -> None:
    (row,) = (row for row in rows(scenario) if row["eventType"] == "Odd")
    assert row["_id"] == event_id(scenario.project_id, "Odd", "u-1", NOON, "odd")
    assert row["timestamp"].startswith("2026-07-01T12:00:00")
    assert {entry["id"] for entries in row["identityMap"].values() for entry in entries} == {"u-1"}
    kept = unmapped(row)
    assert {name: kept[name] for name in _RESERVED} == _RESERVED


def _nobody_has_no_identity(scenario: Scenario) -> None:
    nobody = [row for row in rows(scenario) if row["eventType"] == "Ad spend"]
    assert [row.get("identityMap") for row in nobody] == [None, None, None]
    assert made(scenario, "transform").details["reasons"] == {}
    assert made(scenario, "validate").details["warnings"] == {"identityMap must contain an identity": 3}


def upper_is_broken() -> None:
    """A bug in a function of the product that one value of the day triggers: an unexpected error."""

    def broken(text: str) -> str:
        return {"a": "A", "b": "B"}[text]

    function = next(function for function in strings.FUNCTIONS if function.name == "upper")
    object.__setattr__(function, "python", broken)


def _the_mistake_is_told_without_the_value(scenario: Scenario) -> None:
    (destination,) = made(scenario, "transform").details["not_converted"]
    assert destination.endswith("mixpanel.code")
    assert sorted(unmapped(row)["code"] for row in rows(scenario)) == ["a", "b", "canary-value"]
    codes("A", "B", None)(scenario)
    assert "KeyError" in scenario.logs()
    assert "canary-value" not in scenario.logs()


def _killed(lake: LakeKind) -> tuple[Case, ...]:
    variant = "" if lake == "disk" else f"/{lake}"
    more: dict[str, Any] = {"lake": lake, "events": (*three(), _BAD), "quarantined": 1, "ledger": ALL_OF_IT}
    return (
        Case(f"T01{variant}", "kill -9 between two output parts", "no manifest; rerun writes identical bytes", (
             dies("lake.upload.after", 2), remembered("transform")),
             check=all_of(same("transform", touched=True), outputs("transform", 1)), **more),
        Case(f"T02{variant}", "kill -9 after the manifest", "rerun is a no-op", (
             dies("manifest.transform.after"), remembered("transform")),
             check=all_of(same("transform", touched=False), outputs("transform", 1)), **more),
    )  # fmt: skip


CASES: tuple[Case | Elsewhere, ...] = (
    *_killed("disk"),
    *_killed("s3"),
    Elsewhere("T03", "the same raw mapped twice: other process, other hash seed, other locale", "byte-identical",
              ("tests/steps/transform/test_transform_order.py::test_other_processes_with_other_hash_seeds_write_the_same_bytes",)),
    Case("T04", "exact duplicates, 2x and 1000x", "one row each; counted", (),
         events=({**event("Twice"), "copies": 2}, {**event("Often"), "copies": 1000}, event("Once")),
         check=counted("transform", exported=1003, duplicates=1000, twins=0, mapped=3)),
    Case("T05", "same 4-tuple, different other properties", "one row, the one processed last; counted", (),
         events=({**event(key="k", code="new"), "processed_at": (NOON + 9000) * 1000}, event(key="k", code="old")), active=1,
         check=all_of(counted("transform", duplicates=1), codes("new"))),
    Elsewhere("T05/a tie", "as T05, processed in the same millisecond", "the tie is broken by canonical bytes",
              (_TESTS + "test_duplicates_processed_together_are_chosen_by_their_bytes_not_by_their_order",)),
    Case("T06", "no $insert_id", "id from canonical content; identical twins collapse, counted apart", (),
         events=(event("Twin", **_NO_ID), event("Twin", **_NO_ID), event("Twin", amount=2, **_NO_ID)), active=2,
         check=counted("transform", duplicates=1, twins=1)),
    # Documented use in Mixpanel: server-side events, ad spend. Earlier versions refused them as no_identity.
    Case("T07", "missing, blank or null distinct_id", "loaded without an identity, which the rule identity counts", (),
         events=(*three(), *_NOBODY), active=6, check=_nobody_has_no_identity),
    Case("T08", "time in s, ms, as text, float, negative, year 1969, 2106, tomorrow's year", "seconds load; the others have a reason", (),
         events=(*three(), at(f"{NOON}.75", "float"), at(f"{NOON}000", "ms"), at(f'"{NOON}"', "text"), at("-5", "negative"),
                 at("-1000000", "1969"), at("4294967295", "2106"), at("1e300", "never"), at("null", "null")),
         active=4, quarantined=7,
         check=refused("transform", time_is_not_in_seconds=1, time_is_not_a_number=2, wrong_partition=2, time_in_the_future=1,
                       time_out_of_range=1)),
    Case("T08/declared ms", "time in ms, as the pipeline asks for it", "milliseconds load", (), pipeline={"mixpanel": {"time_in_ms": True}}),
    Case("T09", "event time outside the partition's day", "quarantine wrong_partition", (),
         events=(*three(), at(str(NOON - 86_400), "before"), at(str(NOON + 43_200), "midnight")), quarantined=2,
         check=refused("transform", wrong_partition=2)),
    Case("T09/too many", "as T09, and more of them than the pipeline allows", "red TooManyQuarantined, nothing is staged", (),
         events=(*three(), at(str(NOON - 86_400), "before")), pipeline={"quality": {"max_quarantined": 0.2}},
         finally_="red:TooManyQuarantined", active=0, batches=0, quarantined=1, lost=3, left=frozenset({"report"})),
    Elsewhere("T10", "DST days of 23 and 25 hours, leap day, year end", "each event in exactly one partition; sum over days = all",
              ("tests/faults/test_transform_cases.py::test_odd_days_hold_each_event_once",
               "tests/mixpanel/test_event_time.py::test_days_are_contiguous")),
    # With 100 000 rows, where memory is as with a million: compared with the same day without the poison.
    Elsewhere("T11", "poison values in a large day: 10 000 levels deep, a text of 5 MB", "one quarantined row each, no crash, memory flat",
              ("tests/faults/test_transform_cases.py::test_invalid_events_in_a_large_day_are_quarantined_in_constant_memory",)),
    # A bug does not lose the row: the field stays empty, the value is kept among the unmapped ones, and both are reported.
    Case("T12", "a function of the mapping raises an error that nobody has planned for, in one row",
         "the field is null and counted, the row loads, the log names function and error without the value", (),
         events=(event(code="a"), event(code="b"), event(code="canary-value")), pipeline={"mapping": _OTHER_MAPPING},
         scenario={"prepare": upper_is_broken}, check=_the_mistake_is_told_without_the_value),
    Case("T13", "unknown property, reserved name, property equal to an XDM path", "kept as it is; never in the place of a field of XDM", (),
         events=(*three(), event("Odd", key="odd", **_RESERVED)), active=4, check=_reserved_names_are_only_names),
    # Every step reads the digest of the step before it, so versions cannot mix: a run ends with its own inputs.
    Case("T14", "the mapping changes between transform and stage", "the run ends with the mapping that it began with", (
         Go(run(until="validate")), Do("another mapping", _another_mapping), Go()), events=(event(code="a"),), active=1,
         check=all_of(outputs("transform", 1), codes("a"))),
    Case("T14/cleared", "as T14, and a user clears transform alone",
         "transform runs again, the tasks after it stay with what they were given, or are cleared too and follow", (
         Go(run(until="validate")), Do("another mapping", _another_mapping), _cleared("transform"), Go(run(until="validate")),
         _cleared("validate")), events=(event(code="a"),), active=1, check=all_of(outputs("transform", 2), codes("A"))),
    Case("T14/after it is active", "another mapping, and a run of a day that is active", "nothing is loaded in addition to the active rows", (
         Go(), Do("another mapping", _another_mapping), Go(replace(run(), name="again", refresh=True))), events=(event(code="a"),), active=1,
         check=codes("a")),
)  # fmt: skip
