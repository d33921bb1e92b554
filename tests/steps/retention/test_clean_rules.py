"""Which outputs and files of a day may be removed: for every combination of outputs, loads and ages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.config.model import Retention
from include.lake.lake import LakeObject
from include.lake.ledger import LedgerRecord
from include.lake.manifest import Delta, LakeFile, Manifest, StepName
from include.steps.retention.contents import DayContents, StoredOutput
from include.steps.retention.rules import GRACE, outputs_to_remove, removable_files

pytestmark = pytest.mark.unit
START = datetime(2026, 7, 2, tzinfo=UTC)
BEFORE: dict[StepName, StepName] = {
    "transform": "export", "validate_shard": "transform", "validate": "transform", "stage": "validate",
}  # fmt: skip
STEPS: tuple[StepName, ...] = ("export", "transform", "validate", "stage")
WITH_SHARDS: tuple[StepName, ...] = (*STEPS, "validate_shard")
WEEK = Retention(superseded_days=7)


def digest(step: str, number: int) -> str:
    return f"{WITH_SHARDS.index(step):x}{number:x}".ljust(32, "0")  # type: ignore[arg-type]


def output(
    step: StepName,
    number: int,
    days: float,
    made_of: int = 0,
    *,
    shared: bool = False,
    removed: float | None = None,
    based_on: int | None = None,
) -> StoredOutput:
    """Return an output with one file, or one that names the file of its input."""
    written = START + timedelta(days=days)
    key = f"shop/2026-07-01/{step}/{digest(step, number)}/file"
    named = f"shop/2026-07-01/{BEFORE[step]}/{digest(BEFORE[step], made_of)}/file" if shared else key
    manifest = Manifest(
        step=step,
        pipeline="shop",
        partition="2026-07-01",
        digest=digest(step, number),
        inputs={BEFORE[step]: digest(BEFORE[step], made_of)} if step in BEFORE else {"request": "r"},
        files=(LakeFile(key=named, bytes=1, sha256="0", rows=1),),
        counts={},
        created_at=written.isoformat(),
        details={}
        if based_on is None
        else {"delta": Delta(base=digest(step, based_on), rows=1).model_dump()},
    )
    files = () if shared else (LakeObject(key, 1, written),)
    ended = None if removed is None else START + timedelta(days=removed)
    return StoredOutput(step, digest(step, number), manifest, files, written, ended)


def record(number: int, kind: str, staged: int, days: float, **fields: Any) -> LedgerRecord:
    ids = LakeFile(key="ids", bytes=1, sha256="0", rows=1)
    at = (START + timedelta(days=days)).isoformat()
    return LedgerRecord(
        number=number, kind=kind, run="r", at=at, content="c", staged=digest("stage", staged), batch=f"b{staged}",
        **{"ids": ids, **fields},
    )  # type: ignore[arg-type]  # fmt: skip


def loaded(staged: int, days: float, **fields: Any) -> tuple[LedgerRecord, ...]:
    return record(1, "created", staged, days, **fields), record(2, "active", staged, days, **fields)


CHAIN = tuple(output(step, 0, 0) for step in STEPS)


def ended(day: DayContents, days: float, retention: Retention = WEEK) -> set[str]:
    """Return the steps whose outputs are removed, each with the number of its output."""
    found = outputs_to_remove(day, retention, START + timedelta(days=days))
    return {f"{step} {key[1]}" for step, key in found}


def test_the_retention_counts_from_the_load_and_not_from_the_output() -> None:
    day = DayContents(CHAIN, (loaded(0, 30),))
    assert ended(day, 36.9) == set()
    assert ended(day, 37) == {"transform 0", "validate 0", "stage 0"}


def test_an_output_stays_as_long_as_its_results() -> None:
    later = output("stage", 1, 30, made_of=0)
    day = DayContents((*CHAIN, later), (loaded(0, 1),))
    assert ended(day, 36) == {"stage 0"}
    assert ended(day, 37) == {"transform 0", "validate 0", "stage 0", "stage 1"}


def test_a_shard_stays_until_the_day_is_validated() -> None:
    """A run that continues reads it. Its valid files stay longer, if the output of validate names them."""
    shards = (output("validate_shard", 0, 1), output("validate_shard", 1, 9))
    started = DayContents((*CHAIN[:2], *shards))
    assert ended(started, 4000) == set()
    validated = replace(started, outputs=(*started.outputs, output("validate", 0, 10)))
    assert ended(validated, 16.9) == set()
    assert ended(validated, 17) == {"validate_shard 0", "validate_shard 1"}
    day = DayContents((*CHAIN, *shards), (loaded(0, 30),))
    assert ended(day, 36.9) == set()
    assert ended(day, 37) == {"validate_shard 0", "validate_shard 1", "transform 0", "validate 0", "stage 0"}


def test_files_of_a_shard_stay_as_long_as_the_day_that_names_them() -> None:
    shard, valid = output("validate_shard", 0, 1, removed=20), output("validate", 0, 2)
    assert shard.manifest is not None
    assert valid.manifest is not None
    named = valid.manifest.model_copy(update={"files": shard.manifest.files})
    day = DayContents((*CHAIN[:2], shard, replace(valid, manifest=named)))
    assert removable_files(day, START + timedelta(days=4000)) == []
    gone = replace(day, outputs=tuple(replace(each, removed_at=START) for each in day.outputs))
    assert set(shard.files) <= set(removable_files(gone, START + timedelta(days=4000)))


def test_an_export_expires_a_week_after_a_newer_response() -> None:
    other = replace(output("export", 2, 0), manifest=output("export", 2, 0).manifest.model_copy(update={"inputs": {"request": "other"}}))  # type: ignore[union-attr]  # fmt: skip
    outputs = (output("export", 0, 0), output("export", 1, 10), other)
    day = DayContents(outputs, (loaded(0, 10),))
    assert ended(day, 16.9) == set()
    assert ended(day, 17) == {"export 0"}
    found_again = replace(day, refreshes=((START + timedelta(days=12), digest("export", 0)),))
    assert ended(found_again, 19) == {"export 1"}, "the newest answer was the older export over again"


def test_the_base_of_a_refresh_stays_as_long_as_the_refresh() -> None:
    refreshed = (
        output("export", 1, 10, based_on=0), output("transform", 1, 10, 1, based_on=0),
        output("validate", 1, 10, 1, based_on=0), output("stage", 1, 10, 1),
    )  # fmt: skip
    all_steps = {f"{step} {number}" for step in STEPS[1:] for number in (0, 1)}
    loaded_late = DayContents((*CHAIN, *refreshed), (loaded(1, 10),))
    assert ended(loaded_late, 16.9) == set()
    assert ended(loaded_late, 17) == all_steps, "the export is the base of the newest one"
    assert ended(loaded_late, 4000) == all_steps
    made_later = (
        output("export", 1, 30, based_on=0), output("transform", 1, 30, 1, based_on=0),
        output("validate", 1, 30, 1, based_on=0),
    )  # fmt: skip
    not_loaded_yet = DayContents((*CHAIN, *made_later), (loaded(0, 10),))
    assert ended(not_loaded_yet, 36.9) == {"stage 0"}
    assert ended(not_loaded_yet, 37) == all_steps - {"stage 1"}
    without_load = DayContents((*CHAIN, *refreshed))
    assert ended(without_load, 4000) == {"stage 0"}, "the next run reads the others"
    superseded = replace(loaded_late, outputs=(*loaded_late.outputs, output("export", 2, 20)))
    assert ended(superseded, 27) == {*all_steps, "export 0", "export 1"}
    again = replace(superseded, outputs=(*superseded.outputs, output("export", 3, 21, based_on=0)))
    assert ended(again, 28) == {*all_steps, "export 1", "export 2"}
    by_age = Retention(raw_days=15, superseded_days=None)
    assert ended(loaded_late, 24.9, by_age) == set(), "the base is older, and stays"
    assert ended(loaded_late, 25, by_age) == {"export 0", "export 1"}


def test_an_export_expires_by_its_own_age_only_if_the_day_is_loaded() -> None:
    raw = Retention(raw_days=30, superseded_days=None)
    assert ended(DayContents(CHAIN, (loaded(0, 0),)), 29.9, raw) == set()
    assert ended(DayContents(CHAIN, (loaded(0, 0),)), 30, raw) == {"export 0"}
    assert ended(DayContents(CHAIN), 3000, raw) == set()
    assert ended(DayContents(CHAIN, (loaded(0, 0)[:1],)), 3000, raw) == set()


def test_rows_that_are_the_only_list_of_a_loads_ids_stay_for_ever() -> None:
    shared = (*CHAIN[:2], output("validate", 0, 0, shared=True), output("stage", 0, 0, shared=True))
    day = DayContents(shared, (loaded(0, 0, ids=None),))
    assert "stage 0" not in ended(day, 4000)
    gone = replace(
        day,
        outputs=tuple(replace(each, removed_at=START) if each.step != "stage" else each for each in shared),
    )
    left = {file.key for file in removable_files(gone, START + timedelta(days=4000))}
    (named,) = shared[-1].manifest.files  # type: ignore[union-attr]
    assert named.key not in left
    assert left
    replaced = (*loaded(0, 0, ids=None), record(3, "active", 1, 9, replaces=("b0",)))
    assert "stage 0" in ended(replace(day, ledgers=(replaced,)), 4000)


def test_a_ledger_without_a_history_keeps_everything() -> None:
    assert ended(DayContents(CHAIN, (), has_uncopied_ledger=True), 4000) == set()


def test_files_of_a_crashed_run_expire_by_their_age() -> None:
    left = replace(output("transform", 5, 3), manifest=None)
    for day in (DayContents((*CHAIN, left)), DayContents((*CHAIN, left), (loaded(0, 0),))):
        assert "transform 5" not in ended(day, 9.9)
        assert "transform 5" in ended(day, 10)
    assert "export 5" in ended(DayContents((*CHAIN, replace(output("export", 5, 3), manifest=None))), 10)


@st.composite
def days(draw: st.DrawFn) -> DayContents:
    """Generate any combination of outputs, with existing or missing inputs, and any ledger."""
    age = st.floats(0, 40)
    outputs: dict[tuple[str, str], StoredOutput] = {}
    for step in WITH_SHARDS:
        whole: list[int] = []
        for number in range(draw(st.integers(0, 3))):
            made = output(
                step, number, draw(age), draw(st.integers(0, 3)), shared=step in ("validate", "stage") and draw(st.booleans()),
                removed=draw(st.none() | age), based_on=draw(st.sampled_from([None, *whole])),
            )  # fmt: skip
            whole += [number] if made.manifest is not None and made.manifest.delta is None else []
            if not draw(st.integers(0, 8)):
                made = replace(made, manifest=None)
            outputs[made.key] = made
    ledgers = []
    for _ in range(draw(st.integers(0, 2))):
        kinds = draw(st.lists(st.sampled_from(["claimed", "created", "completing", "active", "failed", "empty", "gone"]), min_size=1, max_size=6))  # fmt: skip
        ledgers.append(
            tuple(
                record(
                    n + 1,
                    kind,
                    draw(st.integers(0, 3)),
                    draw(age),
                    **({"ids": None} if draw(st.booleans()) else {}),
                )
                for n, kind in enumerate(kinds)
            )
        )
    refreshes = draw(st.lists(st.tuples(age, st.integers(0, 3)), max_size=3))
    found = tuple((START + timedelta(days=at), digest("export", number)) for at, number in refreshes)
    return DayContents(tuple(outputs.values()), tuple(ledgers), found, draw(st.integers(0, 9)) == 0)


RETENTIONS = st.builds(
    Retention, raw_days=st.none() | st.integers(1, 20), superseded_days=st.none() | st.integers(1, 20)
)


@given(days(), RETENTIONS, st.floats(40, 90))
def test_nothing_is_removed_before_its_time_or_before_its_results(
    day: DayContents, retention: Retention, at: float
) -> None:
    now = START + timedelta(days=at)
    ends = outputs_to_remove(day, retention, now)
    by_key = {each.key: each for each in day.outputs}
    assert ends.keys() <= {each.key for each in day.outputs if each.removed_at is None}
    for key, setting in ends.items():
        least = getattr(retention, setting)
        assert now - by_key[key].written >= timedelta(days=least)
        for other in day.outputs:
            is_left = other.key not in ends and other.removed_at is None and other.manifest is not None
            if is_left and key[0] != "export" and other.manifest.inputs.get(key[0]) == key[1]:
                raise AssertionError(f"{other.key} was made of {key} and stays")
            if (
                is_left
                and other.step == key[0]
                and other.manifest.delta
                and other.manifest.delta.base == key[1]
            ):
                raise AssertionError(f"{other.key} is based on {key} and stays")


@given(days(), RETENTIONS, st.floats(40, 90))
def test_the_outputs_of_a_run_in_progress_stay_with_all_their_inputs(
    day: DayContents, retention: Retention, at: float
) -> None:
    ends = outputs_to_remove(day, retention, START + timedelta(days=at))
    by_key = {each.key: each for each in day.outputs if each.removed_at is None}
    for records in day.ledgers:
        if records[-1].kind not in ("claimed", "created", "completing", "failed"):
            continue
        key: tuple[str, str] | None = ("stage", records[-1].staged)
        while key in by_key:
            assert key not in ends
            manifest = by_key[key].manifest  # type: ignore[index]
            before = BEFORE.get(key[0])  # type: ignore[index, call-overload]
            key = (before, manifest.inputs[before]) if manifest is not None and before else None


@given(days(), st.floats(0, 90))
def test_files_are_removed_only_after_the_grace_period_if_no_output_names_them(
    day: DayContents, at: float
) -> None:
    now = START + timedelta(days=at)
    gone = {file.key for file in removable_files(day, now)}
    for each in day.outputs:
        if each.removed_at is not None and now - each.removed_at >= GRACE:
            continue
        assert not gone & {file.key for file in each.files}
        if each.manifest is not None:
            assert not gone & each.manifest.keys


@given(days(), st.integers(1, 20))
def test_a_loaded_day_finally_has_only_its_newest_exports(day: DayContents, least: int) -> None:
    loaded_day = replace(day, ledgers=(loaded(0, 20),), has_uncopied_ledger=False)
    retention, now = Retention(superseded_days=least), START + timedelta(days=40 + least)
    ends = outputs_to_remove(loaded_day, retention, now)
    left = [each for each in day.outputs if each.key not in ends and each.removed_at is None]
    assert {each.step for each in left} <= {"export"}
    newest = {each.manifest.delta.base for each in left if each.manifest is not None and each.manifest.delta}
    assert len([each for each in left if each.digest not in newest]) <= 1
    finished = replace(
        loaded_day,
        outputs=tuple(
            replace(each, removed_at=each.removed_at or now) if each not in left else each
            for each in day.outputs
        ),
    )
    assert outputs_to_remove(finished, retention, now + timedelta(days=400)) == {}
    files = {file.key for each in day.outputs if each not in left for file in each.files}
    assert {file.key for file in removable_files(finished, now + GRACE)} == files


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0)], ids=["digest after", "digest before"])
def test_an_export_rewritten_to_forget_a_person_is_the_same_response(numbers: tuple[int, int]) -> None:
    """It has the time of the export that it replaces; neither that one nor a refresh that found it supersedes it."""
    first, rewritten = (output("export", number, 0) for number in numbers)
    assert rewritten.manifest is not None
    instead = rewritten.manifest.model_copy(update={"details": {"instead_of": first.digest}})
    outputs = (replace(first, removed_at=START), replace(rewritten, manifest=instead))
    refreshes = ((START + timedelta(days=2), first.digest),)
    for day in (DayContents(outputs, (loaded(0, 1),)), DayContents(outputs, (loaded(0, 1),), refreshes)):
        assert outputs_to_remove(day, WEEK, START + timedelta(days=60)) == {}
    newer = DayContents((*outputs, output("export", 2, 5)), (loaded(0, 1),))
    assert outputs_to_remove(newer, WEEK, START + timedelta(days=60)) == {rewritten.key: "superseded_days"}
