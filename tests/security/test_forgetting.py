"""A forgotten person is nowhere in the lake any more, whatever happened before, in between and after."""

from __future__ import annotations

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import AccessDenied, BadManifest, ConfigError, Conflict, FilesRemoved
from include.lake.lake import Lake
from include.lake.suppression import read_suppression
from include.steps.export import compare_exports
from include.steps.forget.search import mention_pattern
from tests.security.forged_lake import signing_keys
from tests.support.builders import DAY, PROJECT_ID
from tests.support.forgotten_people import (
    ANNA,
    ANNAS_PHONE,
    BERT,
    SHARED,
    People,
    happened,
    later,
    named_in,
    usual_days,
)
from tests.support.s3_server import s3_server

pytestmark = [pytest.mark.unit, pytest.mark.case("M19")]
ANNAS = (ANNA, ANNAS_PHONE)
OTHER_KEY = hashlib.sha256(b"other").hexdigest()


class Killed(BaseException):
    """The end of a process, which no ``except Exception`` catches."""


@pytest.fixture
def people(tmp_path: Path) -> People:
    found = People(f"file://{tmp_path}/lake", signing_keys(), usual_days())
    for day in found.days:
        found.make(day)
    return found


def test_m19_no_file_of_the_lake_contains_the_person_any_more(people: People) -> None:
    before = {key.split("/")[2] for key, _ in named_in(people.root, ANNAS)}
    assert before >= {"raw", "xdm", "valid", "quarantine"}
    done = people.forget(ANNA)
    assert named_in(people.root, ANNAS) == []
    assert people.kept() == ["b1", "b2", "b3", "b4", "s1"]
    assert done.counts["ids_added"] == 1
    assert done.counts["shared_devices"] == 1
    assert done.counts["rows"] == 6
    assert {key for key, _ in named_in(people.root, [BERT])}, "others stay"


def test_m19_quarantine_keeps_the_rows_of_others(people: People) -> None:
    people.forget(ANNA)
    found = [key for key, _ in named_in(people.root, [BERT]) if "/quarantine/" in key]
    assert sorted(key.split("/")[3].split("-")[0] for key in found) == ["transform", "validate"]


def test_m19_later_exports_and_refreshes_drop_the_person(people: People) -> None:
    people.forget(ANNA)
    for look in ("one", "two"):
        raw = people.export(DAY, look)
        assert raw.counts == {"exported": 4, "suppressed": 5}
    assert raw.digest in {key.split("/")[3] for key in people.lake.keys(f"shop/{DAY}/raw")}
    people.days[later(2)] = [happened("a7", ANNA, day=later(2)), happened("b5", BERT, day=later(2))]
    staged = people.make(later(2))
    assert staged.counts == {"staged": 1}
    assert named_in(people.root, ANNAS) == []


def test_m19_a_device_with_a_later_owner_is_not_theirs(people: People) -> None:
    people.forget(ANNA)
    people.days[later(2)] = [
        happened("c1", "cnry-carla", ANNAS_PHONE, day=later(2)),
        happened("a8", None, ANNAS_PHONE, day=later(2)),
    ]
    assert people.export(later(2)).counts == {"exported": 1, "suppressed": 1}


def test_m19_a_day_keeps_its_export_so_that_later_outputs_are_found(tmp_path: Path) -> None:
    """Whichever of the two digests is greater: both exports have the same time."""
    for number in range(8):
        lines = [happened(f"a{number}", ANNA), happened(f"b{number}", BERT)]
        people = People(f"file://{tmp_path}/{number}", None, {DAY: lines})
        first = people.export()
        people.forget(ANNA)
        assert people.export().digest == first.digest
        assert people.kept() == [f"b{number}"]


def test_m19_a_dry_run_changes_nothing(people: People) -> None:
    before = people.files()
    assert people.plan(ANNA).counts["days"] == 2
    assert people.files() == before


def test_m19_a_day_without_the_person_is_unchanged(people: People) -> None:
    people.days[later(3)] = [happened("b9", BERT, day=later(3))]
    people.make(later(3))
    prefix = f"shop/{later(3)}/"
    before = {key: body for key, body in people.files().items() if key.startswith(prefix)}
    people.forget(ANNA)
    assert {key: body for key, body in people.files().items() if key.startswith(prefix)} == before


def test_m19_without_people_to_forget_an_export_keeps_its_bytes(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "include.steps.export.suppress.read_lines", lambda _: pytest.fail("no line has to be read")
    )
    assert "suppressed" not in people.export(DAY, "refresh").counts


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_m19_every_write_and_removal_may_be_the_last_one(people: People, tmp_path: Path, after: bool) -> None:
    """The process is killed at each change of the lake; then the command runs again, without ids if they are listed."""
    number, is_killed = 0, True
    while is_killed:
        copy = People(f"file://{tmp_path}/{number}", people.signing_keys, people.days)
        shutil.copytree(people.root, copy.root)
        is_killed = killed(number, lambda copy=copy: copy.forget(ANNA), after=after)
        copy.forget(*([] if read_suppression(copy.lake, PROJECT_ID) else [ANNA]))
        assert named_in(copy.root, ANNAS) == [], number
        assert copy.kept() == ["b1", "b2", "b3", "b4", "s1"], number
        assert copy.export(DAY).counts["exported"] in (4, 9), (
            "the manifest is found, with or without its files"
        )
        assert copy.export(DAY, "refresh").counts == {"exported": 4, "suppressed": 5}
        assert copy.kept() == ["b1", "b2", "b3", "b4", "s1"], number
        number += 1
    assert number > 15


def killed(number: int, act: Callable[[], Any], *, after: bool) -> bool:
    """Return whether the process was killed at its ``number``-th change of the lake."""
    left = count(number, -1)

    def change_of(real: Callable[..., Any]) -> Callable[..., Any]:
        def changed(self: Lake, *args: Any) -> Any:
            is_last = next(left) <= 0
            if is_last and not after:
                raise Killed
            done = real(self, *args)
            if is_last:
                raise Killed
            return done

        return changed

    with pytest.MonkeyPatch.context() as patch:
        for name in ("create", "upload", "remove_object"):
            patch.setattr(Lake, name, change_of(getattr(Lake, name)))
        try:
            act()
        except Killed:
            return True
    return False


def test_m19_a_concurrent_step_publishes_nothing_of_the_person(people: People) -> None:
    raw = people.export(DAY)
    people.forget(ANNA)
    with pytest.raises(FilesRemoved):
        people.place().publish(
            step="transform", digest="ab" * 16, inputs={"export": raw.digest}, files=(), counts={}
        )


def test_m19_a_concurrent_export_is_not_published(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    people.days[later(2)] = [happened("a7", ANNA, day=later(2)), happened("b5", BERT, day=later(2))]
    upload = Lake.upload

    def forget_then_upload(self: Lake, key: str, source: Path) -> None:
        monkeypatch.setattr(Lake, "upload", upload)
        people.forget(ANNA)
        upload(self, key, source)

    monkeypatch.setattr(Lake, "upload", forget_then_upload)
    with pytest.raises(Conflict, match="suppression list"):
        people.export(later(2))
    assert named_in(people.root, ANNAS), "what it had stored by then"
    people.forget()
    assert named_in(people.root, ANNAS) == []
    assert people.export(later(2)).counts == {"exported": 1, "suppressed": 1}


def test_m19_a_lake_without_permission_to_delete_is_refused_before_a_change(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise AccessDenied("no", "")

    before = people.files()
    monkeypatch.setattr(Lake, "remove_object", denied)
    with pytest.raises(AccessDenied, match="may not remove objects"):
        people.forget(ANNA)
    assert people.files() == before


def test_m19_a_process_without_the_key_of_the_list_exports_nothing(people: People) -> None:
    people.forget(ANNA)
    people.signing_keys = signing_keys(OTHER_KEY)
    with pytest.raises((ConfigError, BadManifest)):
        people.export(DAY, "refresh")
    people.signing_keys = None
    with pytest.raises(BadManifest):
        people.export(DAY, "refresh")


def test_m19_after_a_key_rotation_both_parts_of_the_list_are_valid(people: People) -> None:
    people.forget(ANNA)
    old = signing_keys()
    new = signing_keys(OTHER_KEY)
    people.signing_keys = type(old)({**new.keys, **old.keys})
    people.forget(BERT)
    assert people.export(DAY, "refresh").counts == {"exported": 0, "suppressed": 9}, (
        "the tablet has no other user now"
    )
    assert named_in(people.root, [*ANNAS, BERT]) == []


def test_m19_a_missing_record_of_the_list_stops_exports(people: People) -> None:
    people.forget(ANNA)
    people.forget(BERT)
    (people.root / "_suppressed/people/000001.json").unlink()
    with pytest.raises(BadManifest, match="is missing"):
        people.export(DAY, "refresh")


def test_m19_deltas_and_older_exports_are_rewritten_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_exports, "SMALL_LINES", 0)
    monkeypatch.setattr(compare_exports, "MOST_CHANGED", 1000)
    people = People(f"file://{tmp_path}/lake", None, usual_days())
    people.make(DAY)
    people.days[DAY] = [*people.days[DAY][1:], happened("a9", ANNA), happened("b8", BERT)]
    assert people.make(DAY, "refresh").details
    assert list(people.root.glob("*/*/raw/*/added-*"))
    people.forget(ANNA)
    assert named_in(people.root, ANNAS) == []
    assert people.kept() == ["b1", "b2", "b3", "b8", "s1"]
    people.days[DAY].append(happened("b7", BERT))
    assert people.make(DAY, "another").counts["staged"] == 4
    assert named_in(people.root, ANNAS) == []


def test_m19_unreadable_lines_with_an_id_are_removed_too(tmp_path: Path) -> None:
    broken = happened("a1", ANNA)[:-9] + b'"'
    people = People(f"file://{tmp_path}/lake", None, {DAY: [broken, happened("b1", BERT)]})
    people.make(DAY)
    people.forget(ANNA)
    assert named_in(people.root, ANNAS) == []
    assert people.kept() == ["b1"]


def test_m19_events_of_others_that_mention_the_person_are_counted_and_kept(tmp_path: Path) -> None:
    people = People(
        f"file://{tmp_path}/lake", None, {DAY: [happened("b1", BERT, properties={"invited_by": ANNA})]}
    )
    people.make(DAY)
    assert people.plan(ANNA).counts["mentions"] == 0, "no row of the day has to go"
    people.days[later(1)] = [
        happened("a1", ANNA, day=later(1)),
        happened("b2", BERT, day=later(1), properties={"by": ANNA}),
    ]
    people.make(later(1))
    assert people.forget(ANNA).counts["mentions"] == 1
    assert mention_pattern([]) is None


def test_m19_a_placeholder_is_not_a_person(people: People) -> None:
    before = people.files()
    with pytest.raises(ConfigError, match="placeholders") as refused:
        people.forget("undefined")
    assert "undefined" not in str(refused.value)
    assert people.files() == before


def test_m19_too_many_connected_ids_are_refused(tmp_path: Path) -> None:
    lines = [happened(f"a{n}", ANNA, f"phone-{n}") for n in range(12)]
    people = People(f"file://{tmp_path}/lake", None, {DAY: lines})
    people.make(DAY)
    with pytest.raises(ConfigError, match="More than 10 ids"):
        people.plan(ANNA, most_added=10)
    assert people.plan(ANNA, most_added=10, expand=False).counts["rows"] == 12


USERS, DEVICES = ["cnry-u1", "cnry-u2", "cnry-u3"], ["cnry-d1", "cnry-d2", "cnry-d3"]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([*USERS, None, "undefined"]),
        st.sampled_from([*DEVICES, None]),
        st.sampled_from([*USERS, None, None, None]),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=14,
)


def theirs(events: list[tuple[str | None, str | None, str | None, int]], person: str) -> set[int]:
    """Return a person's events by another algorithm: the sets of users of each device."""
    events = [
        (None if user == "undefined" else user, device, before, day) for user, device, before, day in events
    ]
    users = {person}
    while True:
        more = users | {
            each for user, _, before, _ in events if {user, before} & users for each in (user, before) if each
        }
        if more == users:
            break
        users = more
    of_device: defaultdict[str | None, set[str]] = defaultdict(set)
    seen: set[str | None] = set()
    for user, device, before, _ in events:
        of_device[device] |= {each for each in (user, before) if each}
        if {user, before} & users:
            seen.add(device)
    devices = {each for each in seen if each and of_device[each] <= users}
    return {
        number
        for number, (user, device, before, _) in enumerate(events)
        if {user, before} & users or (device in devices and not {user, before} - {None})
    }


@settings(max_examples=10, deadline=None)
@given(EVENTS, st.booleans())
def test_m19_exactly_the_persons_events_are_removed(events: list[Any], is_refreshed: bool) -> None:
    days: defaultdict[date, list[bytes]] = defaultdict(list)
    for number, (user, device, before, day) in enumerate(events):
        more = {"$distinct_id_before_identity": before} if before else {}
        if user is None and before:
            more["distinct_id"] = before
        days[later(day)].append(happened(f"e{number:02}", user, device, later(day), more))
    with TemporaryDirectory() as folder:
        people = People(f"file://{folder}/lake", signing_keys(), dict(days))
        for day in days:
            people.make(day)
        gone = theirs(events, USERS[0])
        people.forget(USERS[0])
        if is_refreshed:
            for day in days:
                people.make(day, "refresh")
        kept = {f"e{number:02}" for number in range(len(events))} - {f"e{number:02}" for number in gone}
        assert set(people.kept()) == kept
        still = {
            each for number, event in enumerate(events) if number not in gone for each in event[:3] if each
        }
        assert named_in(people.root, [each for each in (*USERS, *DEVICES) if each not in still]) == []


def test_m19_a_shared_device_is_forgotten_only_if_it_is_named(people: People) -> None:
    assert people.plan(ANNA).person.shared == {SHARED}
    people.forget(ANNA, SHARED)
    assert people.kept() == ["b1", "b2", "b3", "b4"]


def test_m19_a_bucket_behaves_as_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server("lake-of-people") as url:
        environment = {
            "ENDPOINT_URL": url,
            "ACCESS_KEY_ID": "x",
            "SECRET_ACCESS_KEY": "y",
            "REGION": "eu-north-1",
        }
        for name, value in environment.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        people = People("s3://lake-of-people/prefix", signing_keys(), {DAY: usual_days()[DAY]})
        people.make()
        people.forget(ANNA)
        assert people.export(DAY, "refresh").counts == {"exported": 4, "suppressed": 5}
        for key in people.lake.keys(""):
            people.lake.download(key, tmp_path / key)
    assert named_in(tmp_path, ANNAS) == []
    assert {key.split("/")[2] for key, _ in named_in(tmp_path, [BERT])} == {"raw", "quarantine"}
