"""A writer of the lake can stop a day, but with a key no more: each kind of file is forged once, alone and with
the record that names it. A run then stops with a sentence before anything changes in AEP, or its result is right.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from include.errors import PipelineError
from include.lake.own_keys import is_own_key
from include.lake.rate_budget import BUDGETS
from tests.security.forged_lake import (
    LOADED,
    OTHER,
    STAGED,
    VALID,
    Finished,
    Forged,
    dated_1999,
    finished,
    other_ids,
    signing_keys,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.case("M16")]
RED, HARMLESS, OPEN = "red", "harmless", "open"
LOADS = ("run", "replace", "audit")


@dataclass(frozen=True)
class Case:
    """``plain`` and ``signed``: how it ends without and with a key. ``OPEN``: docs/security.md says that it harms."""

    forge: Callable[[Forged], object]
    acts: tuple[str, ...]
    plain: str
    signed: str = RED


def batch_of_other(forged: Forged) -> None:
    """Let the ledger name another day's batch."""
    number = (forged.record(LOADED, n) for n in (2, 3, 4))
    batch = _json(forged.one(forged.record(OTHER, 4)))["batch"]
    for record in number:
        forged.set(record, batch=batch)


def add_record(forged: Forged, **fields: object) -> None:
    """Add a record after the last one."""
    last = forged.one(f"_histories/*/ledger/{LOADED}/*.json")
    number = int(last.stem) + 1
    shutil.copy(last, last.with_name(f"{number:06d}.json"))
    forged.set(forged.record(LOADED, number), number=number, **fields)


def first_record(forged: Forged, day: object, **fields: object) -> None:
    """Write a ledger for a day that has none."""
    last = forged.one(f"_histories/*/ledger/{LOADED}/*.json")
    target = last.parents[1] / str(day) / "000001.json"
    target.parent.mkdir()
    shutil.copy(last, target)
    forged.set(f"_histories/*/ledger/{day}/000001.json", number=1, replaces=[], ids=None, **fields)


def no_ledger(forged: Forged) -> None:
    shutil.rmtree(forged.one(f"{LEDGER}*.json").parent)


def hidden(forged: Forged) -> None:
    no_ledger(forged)
    forged.edit("_histories/*/batches.json", lambda record: record["days"].pop(str(LOADED)))


def swap(forged: Forged, one: str, other: str) -> None:
    """Put a valid record in the place of another."""
    shutil.copy(forged.one(other), forged.one(one))


def spoil(forged: Forged, pattern: str) -> None:
    path = forged.one(pattern)
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def name_file(forged: Forged, key: str) -> None:
    def change(record: dict[str, list[dict[str, object]]]) -> None:
        record["files"][0]["key"] = key

    forged.edit(forged.manifest(STAGED, "staged"), change)


def ids_elsewhere(record: dict[str, dict[str, object]]) -> None:
    record["ids"]["key"] = "_histories/../../ids.parquet"


def refused_elsewhere(record: dict[str, dict[str, object]]) -> None:
    record["refused"] = {**record["ids"], "key": "_histories/../../ids.parquet"}


def removed(forged: Forged, day: object, folder: str) -> None:
    place = forged.one(f"hostile/{day}/{folder}/*/manifest.json").with_name("removed.json")
    place.write_text('{"version": 1, "at": "2026-07-03T00:00:00+00:00", "setting": "raw_days"}')


def refreshed(forged: Forged, **fields: object) -> None:
    for path in sorted(forged.root.glob(f"hostile/{LOADED}/looks/*.json")):
        forged.set(path.relative_to(forged.root).as_posix(), **fields)


def index(forged: Forged, name: str, text: str) -> None:
    forged.one(f"_histories/*/{name}.json").write_text(text)


STAGED_LIST = f"hostile/{STAGED}/staged/*/manifest.json"
VALID_LIST = f"hostile/{VALID}/valid/*/manifest.json"
MAPPED_LIST = f"hostile/{VALID}/xdm/*/manifest.json"
LEDGER = f"_histories/*/ledger/{LOADED}/"
CASES = {
    # The ledger: which batches belong to the day, and how many rows they have.
    "another day's batch": Case(batch_of_other, LOADS, RED),
    "a batch that AEP does not know": Case(lambda f: f.set(f"{LEDGER}000004.json", batch="01K" + "X" * 23), LOADS, RED),
    "another content": Case(lambda f: f.set(f"{LEDGER}000004.json", content="ab" * 16), LOADS, RED),
    "another number of rows": Case(lambda f: f.set(f"{LEDGER}000004.json", counts={"active": 4}), LOADS, RED),
    "no number of rows": Case(lambda f: f.set(f"{LEDGER}000004.json", counts={}), LOADS, RED),
    "a batch called gone": Case(lambda f: add_record(f, kind="gone"), LOADS, HARMLESS),
    "a day called empty": Case(lambda f: add_record(f, kind="empty", batch=None), ("audit", "run"), HARMLESS),
    "ids that are elsewhere": Case(lambda f: f.edit(f"{LEDGER}000004.json", ids_elsewhere), LOADS, RED),
    "refused ids that are elsewhere": Case(lambda f: f.edit(f"{LEDGER}000004.json", refused_elsewhere), LOADS, RED),
    "the ledger without its end": Case(lambda f: f.one(f"{LEDGER}*.json").unlink(), LOADS, HARMLESS, HARMLESS),
    "the ledger without its middle": Case(lambda f: f.one(f"{LEDGER}000002.json").unlink(), LOADS, RED),
    "no ledger": Case(no_ledger, LOADS, HARMLESS, HARMLESS),
    "no ledger, and a listing that hides its batch": Case(hidden, LOADS, OPEN, HARMLESS),
    "another day's ledger": Case(
        lambda f: [swap(f, f.record(LOADED, n), f.record(OTHER, n)) for n in (1, 2, 3, 4)], LOADS, RED
    ),
    "a day called loaded with another day's batch": Case(lambda f: first_record(f, STAGED), ("load staged",), RED),
    "a day called loaded with a batch that AEP does not know": Case(
        lambda f: first_record(f, STAGED, batch="01K" + "X" * 23), ("load staged",), RED
    ),
    "a completing of another day's batch": Case(
        lambda f: first_record(f, STAGED, kind="completing"), ("load staged",), RED
    ),
    "a created batch of another day": Case(lambda f: first_record(f, STAGED, kind="created"), ("load staged",), RED),
    "a day that was never loaded, called empty": Case(
        lambda f: first_record(f, STAGED, kind="empty", batch=None), ("audit",), OPEN, HARMLESS
    ),
    # Manifests and their files.
    "rows of 1999 in a valid file": Case(
        lambda f: f.rows(VALID, "xdm", dated_1999, VALID_LIST, MAPPED_LIST), ("load valid",), RED
    ),
    "rows of 1999 in a staged file": Case(
        lambda f: f.rows(STAGED, "xdm", dated_1999, STAGED_LIST), ("load staged",), RED
    ),
    "other rows of the day in a staged file": Case(
        lambda f: f.rows(STAGED, "xdm", other_ids, STAGED_LIST), ("load staged",), OPEN
    ),
    "fewer rows than a manifest says": Case(
        lambda f: f.rows(STAGED, "xdm", lambda table: table.slice(1), STAGED_LIST), ("load staged",), RED
    ),
    "a staged file alone": Case(lambda f: f.rows(STAGED, "xdm", other_ids), ("load staged",), RED),
    "a valid file alone": Case(lambda f: f.rows(VALID, "xdm", other_ids), ("load valid",), RED),
    "an absolute key": Case(lambda f: name_file(f, "/etc/passwd"), ("load staged",), RED),
    "a key that leads out": Case(lambda f: name_file(f, "hostile/../../x/part-00000.parquet"), ("load staged",), RED),
    "a key of another day": Case(
        lambda f: name_file(f, str(f.one(f"hostile/{LOADED}/xdm/*/part-*").relative_to(f.root))), ("load staged",), RED
    ),
    "a key of another kind": Case(
        lambda f: name_file(f, str(f.one(f"hostile/{STAGED}/raw/*/events-*").relative_to(f.root))),
        ("load staged",), RED,
    ),
    "another day's manifest": Case(
        lambda f: swap(f, f.manifest(STAGED, "staged"), f.manifest(OTHER, "staged")), ("load staged",), RED
    ),
    "a manifest with inputs that are not digests": Case(
        lambda f: f.set(f.manifest(VALID, "valid"), inputs={"transform": "../../x"}), ("load valid",), RED
    ),
    "an export alone": Case(lambda f: spoil(f, f"hostile/{LOADED}/raw/*/events-*"), LOADS, HARMLESS, HARMLESS),
    "a list of events alone": Case(lambda f: spoil(f, f"hostile/{VALID}/xdm/*/events.parquet"), ("load valid",), RED),
    "a finished day's export manifest": Case(
        lambda f: f.set(f.manifest(LOADED, "raw"), created_at="2027-01-01T00:00:00+00:00"), ("run",), HARMLESS
    ),
    "a removal of an export": Case(lambda f: removed(f, LOADED, "raw"), ("run", "clean"), HARMLESS),
    "a removal that cannot be read": Case(
        lambda f: f.one(f"hostile/{LOADED}/raw/*/manifest.json").with_name("removed.json").write_text("{}"),
        ("run", "clean"), RED,
    ),
    "ids alone": Case(lambda f: spoil(f, f"_histories/*/ids/{LOADED}/*"), ("run", "refresh"), HARMLESS, HARMLESS),
    "an XDM schema": Case(lambda f: f.one("hostile/schemas/*").write_text("{}"), ("run",), HARMLESS, HARMLESS),
    # Records of the lake's owner.
    "the lake's id": Case(lambda f: f.set("mixpanel-aep.json", id="ab" * 16), LOADS, RED),
    "no lake id": Case(lambda f: f.one("mixpanel-aep.json").unlink(), LOADS, RED, RED),
    "another project of a history": Case(lambda f: f.set("_histories/*/history.json", project_id=7), LOADS, RED),
    "another dataset of a history": Case(lambda f: f.set("_histories/*/history.json", dataset_id="7"), LOADS, RED),
    # Refreshes: which export is the newest response.
    "a refresh that names no digest": Case(lambda f: refreshed(f, export="../../x"), ("run",), RED),
    "a refresh that names no export": Case(lambda f: refreshed(f, export="ab" * 16), ("run",), HARMLESS),
    "a refresh without a time": Case(lambda f: refreshed(f, at="yesterday"), ("run",), RED),
    # Caches that can be recreated: read, changed or not, they never decide alone.
    "an index that cannot be read": Case(lambda f: index(f, "index", "{"), ("audit",), HARMLESS, HARMLESS),
    "an index of nothing": Case(lambda f: index(f, "index", '{"version": 1}'), ("audit",), HARMLESS, HARMLESS),
    "a listing of nothing": Case(lambda f: index(f, "batches", '{"version": 1}'), LOADS, HARMLESS, HARMLESS),
    "an index that calls a day loaded": Case(
        lambda f: f.edit("_histories/*/index.json", lambda r: r["days"].update({str(STAGED): r["days"][str(LOADED)]})),
        ("audit",), HARMLESS, HARMLESS,
    ),
    "a report": Case(lambda f: f.one(f"hostile/{LOADED}/report/*").write_text("<script>"), LOADS, HARMLESS, HARMLESS),
}  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    with finished(tmp_path_factory.mktemp("plain"), None) as world:
        yield world


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    with finished(tmp_path_factory.mktemp("signed"), signing_keys()) as world:
        yield world


def judge(world: Finished, case: Case, expected: str, *, is_signed: bool) -> None:
    name, forged = world.copy()
    forged.is_signed = is_signed
    before = world.aep()
    case.forge(forged)
    found = world.act(name, case.acts)
    assert world.aep() == before or expected == "loads", "nothing may change in AEP"
    if expected == RED:
        assert found, "no run was red"
        assert all(_has_a_sentence(error) for error in found), found
    else:
        assert not found


@pytest.mark.parametrize("case", CASES)
def test_m16_without_a_key_a_writers_changes_are_compared_with_aep(plain: Finished, case: str) -> None:
    if CASES[case].plain != OPEN:
        judge(plain, CASES[case], CASES[case].plain, is_signed=False)


@pytest.mark.parametrize("keeps", [True, False], ids=["signature kept", "signature taken off"])
@pytest.mark.parametrize("case", CASES)
def test_m16_with_a_key_no_changed_record_is_accepted(signed: Finished, case: str, keeps: bool) -> None:
    judge(signed, CASES[case], CASES[case].signed, is_signed=keeps)


def test_m16_what_a_writer_can_do_without_a_key_is_documented() -> None:
    page = " ".join((Path(__file__).parents[2] / "docs/security.md").read_text(encoding="utf-8").split())
    for name in (name for name, case in CASES.items() if case.plain == OPEN):
        assert f"*{name}*" in page


def test_m16_every_kind_of_file_of_a_lake_is_forged_and_recognised(plain: Finished) -> None:
    keys = [key for key in plain.lake().keys("") if key != ".writable"]
    assert [key for key in keys if not is_own_key(key)] == []
    # A forged ticket of a budget costs waiting (tests/mixpanel/test_export_budget.py).
    assert {_kind(key) for key in keys if not key.startswith(f"{BUDGETS}/")} == {
        "mixpanel-aep.json", "history.json", "ledger", "ids", "index.json", "batches.json", "schemas", "looks", "report",
        "raw", "raw manifest", "xdm", "xdm manifest", "valid manifest", "staged manifest",
    }  # fmt: skip


def _kind(key: str) -> str:
    parts = key.split("/")
    if parts[0] == "_histories":
        return parts[2]
    if len(parts) < 4:
        return parts[1] if len(parts) == 3 else parts[0]
    return f"{parts[2]} manifest" if parts[-1] == "manifest.json" else parts[2]


def _has_a_sentence(error: PipelineError) -> bool:
    return len(error.sentence) > 20 and len(error.hint) > 20


def _json(path: Path) -> dict[str, object]:
    import json

    from include.lake.signing_keys import split_signature

    found: dict[str, object] = json.loads(split_signature(path.read_bytes()).payload)
    return found
