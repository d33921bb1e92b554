"""Forgetting reaches the rows of shards: valid ones, and those that validation refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from include.steps.validate.shard_step import unchecked_shards, validate_shard
from tests.support.builders import DAY, NOON
from tests.support.forgotten_people import ANNA, ANNAS_PHONE, BERT, People, happened, named_in

pytestmark = [pytest.mark.unit, pytest.mark.case("M19")]
ANNAS = (ANNA, ANNAS_PHONE)
REFUSED: dict[str, Any] = {"$city": "longer than six"}


@pytest.fixture
def people(tmp_path: Path) -> People:
    """A day in two shards: one with a refused row of each person, one without rows of the first person."""
    days = {
        DAY: [
            happened("a1", ANNA, ANNAS_PHONE, properties={"time": NOON - 30_000}),
            happened("a2", ANNA, ANNAS_PHONE, properties={"time": NOON - 29_000, **REFUSED}),
            happened("b1", BERT, properties={"time": NOON - 28_000, **REFUSED}),
            happened("b2", BERT, properties={"time": NOON + 20_000}),
            happened("b3", BERT, properties={"time": NOON + 30_000, **REFUSED}),
        ]
    }
    return People(f"file://{tmp_path}/lake", days=days, shard_events=3)


def shard_files(people: People) -> list[str]:
    return [key for key in people.files() if "/valid-shards/" in key and not key.endswith(".json")]


def test_a_person_is_forgotten_in_the_shards_of_a_day(people: People) -> None:
    made = people.make()
    assert (made.rows, len(shard_files(people))) == (2, 4)
    assert any("/valid-shards/" in name for name, _ in named_in(people.root, ANNAS))
    people.forget(ANNA)
    assert named_in(people.root, ANNAS) == []
    assert shard_files(people) == []
    again = people.make(refresh="again")
    assert (again.rows, again.counts["staged"]) == (1, 1)
    assert named_in(people.root, ANNAS) == []


def test_a_person_is_forgotten_between_the_shards_and_the_day(people: People) -> None:
    """A worker was killed: no output of validate names the files."""
    steps = people.steps(DAY, None)
    mapped = steps.transform(steps.export())
    place = people.place()
    first, _ = unchecked_shards(place, mapped)
    validate_shard(place, mapped, first)
    people.forget(ANNA)
    assert named_in(people.root, ANNAS) == []
    assert (people.make().rows, named_in(people.root, ANNAS)) == (1, [])
