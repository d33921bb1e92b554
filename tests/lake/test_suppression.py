"""The suppression list: salted hashes, immutable records, and keys that may be replaced."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from include.errors import BadManifest, ConfigError, Conflict, ForgedRecord
from include.lake.keys import SUPPRESSION
from include.lake.lake import Lake
from include.lake.own_keys import is_own_key
from include.lake.suppression import (
    forgotten_days,
    forgotten_ids,
    newest_number,
    read_suppression,
    record_forgotten_ids,
    suppress,
)
from include.lake.unsigned_records import unsigned_records, write_inventory
from tests.lake.test_signing_keys import ONE, TWO, keys

pytestmark = [pytest.mark.unit, pytest.mark.case("M19")]
PROJECT, OTHER, DAY = 4_000_001, 4_000_002, date(2026, 7, 1)
AT = {"at": "2026-07-03T00:00:00+00:00", "by": "me@here"}


@pytest.fixture(params=[None, ONE], ids=["no key", "key"])
def lake(tmp_path: Path, request: pytest.FixtureRequest) -> Lake:
    return Lake(f"file://{tmp_path}/lake", keys(request.param) if request.param else None)


def test_m19_ids_are_found_by_kind_and_project(lake: Lake) -> None:
    assert not read_suppression(lake, PROJECT)
    suppress(lake, PROJECT, ["anna"], ["phone"], **AT)
    found = read_suppression(lake, PROJECT)
    assert (found.is_user("anna"), found.is_device("anna"), found.is_user("phone"), found.is_device("phone")) == (
        True, False, False, True,
    )  # fmt: skip
    assert not read_suppression(lake, OTHER)
    assert not read_suppression(lake, OTHER).is_user("anna")


def test_m19_the_list_contains_no_id_and_other_hashes_in_other_lakes(lake: Lake, tmp_path: Path) -> None:
    another = Lake(f"file://{tmp_path}/other", lake.signing_keys)
    hashes = []
    for each in (lake, another):
        suppress(each, PROJECT, ["anna@example.org"], [], **AT)
        body = each.read(f"{SUPPRESSION}/people/000001.json") or b""
        assert b"anna" not in body
        hashes.append(json.loads(body)["hashes"])
    assert hashes[0] != hashes[1]
    assert all(map(is_own_key, lake.keys(SUPPRESSION)))


def test_m19_a_listed_person_is_not_listed_again_and_the_salt_stays(lake: Lake) -> None:
    for users in (["anna"], ["anna"], ["anna", "bert"]):
        suppress(lake, PROJECT, users, [], **AT)
    assert newest_number(lake) == 2
    records = [json.loads(lake.read(f"{SUPPRESSION}/people/{n:06}.json") or b"") for n in (1, 2)]
    assert [len(each["hashes"]) for each in records] == [1, 1]
    assert len({each["salt"] for each in records}) == 1
    assert len(read_suppression(lake, PROJECT).secrets) == 1


def test_m19_two_concurrent_writers(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.lake.suppression.create_record", lambda *_: False)
    with pytest.raises(Conflict):
        suppress(lake, PROJECT, ["anna"], [], **AT)


def test_m19_a_replaced_key_is_kept_for_its_hashes(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/lake"
    suppress(Lake(url, keys(ONE)), PROJECT, ["anna"], [], **AT)
    both = Lake(url, keys(TWO, ONE))
    suppress(both, PROJECT, ["bert"], [], **AT)
    found = read_suppression(both, PROJECT)
    assert found.is_user("anna")
    assert found.is_user("bert")
    with pytest.raises((ConfigError, ForgedRecord)):
        read_suppression(Lake(url, keys(TWO)), PROJECT)


def test_m19_a_list_from_before_the_key_is_valid_once_listed(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/lake"
    suppress(Lake(url), PROJECT, ["anna"], [], **AT)
    signed = Lake(url, keys(ONE))
    with pytest.raises(ForgedRecord):
        read_suppression(signed, PROJECT)
    write_inventory(signed, unsigned_records(signed, [SUPPRESSION]), AT["at"], "me", "a key")
    assert read_suppression(signed, PROJECT).is_user("anna")


@pytest.mark.parametrize("body", [b"half", b"{}", b'{"version": 99, "project_id": 4000001, "key": null, "salt": "00", "hashes": []}'])  # fmt: skip
def test_m19_an_unreadable_record_is_not_an_empty_list(tmp_path: Path, body: bytes) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    lake.create(f"{SUPPRESSION}/people/000001.json", body)
    with pytest.raises(BadManifest):
        read_suppression(lake, PROJECT)


def test_m19_ids_of_forgotten_events_accumulate(lake: Lake) -> None:
    record_forgotten_ids(lake, PROJECT, DAY, [])
    assert forgotten_days(lake, PROJECT) == set()
    for ids in (["a" * 64], ["b" * 64, "c" * 64], ["a" * 64]):
        record_forgotten_ids(lake, PROJECT, DAY, ids)
    assert forgotten_ids(lake, PROJECT, DAY) == {"a" * 64, "b" * 64, "c" * 64}
    assert forgotten_days(lake, PROJECT) == {DAY}
    assert forgotten_days(lake, OTHER) == set()
    assert all(map(is_own_key, lake.keys(SUPPRESSION)))
