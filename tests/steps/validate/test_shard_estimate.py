"""The number of shards that a plan shows is that of a day whose events are spread over the day."""

from __future__ import annotations

from collections import Counter

import pytest

from include.lake.manifest import LakeFile, Manifest
from include.steps.transform.job import Limits
from include.steps.transform.second_pass import plan_parts
from include.steps.validate.shard_estimate import RECOMMENDED_EVENTS, ShardEstimate
from include.steps.validate.shards import MOST_SHARDS, expected_shards, shards_of
from tests.support.mapped_rows import NOTHING, job

pytestmark = pytest.mark.unit
MILLION = 1_000_000


@pytest.mark.parametrize(
    ("events", "shard_events", "expected"),
    [
        (0, MILLION, 0),
        (1, MILLION, 1),
        (MILLION, MILLION, 1),
        (MILLION + 1, MILLION, 2),
        (4_600_000, MILLION, 5),
        (1_000 * MILLION, MILLION, MOST_SHARDS),
        (MILLION, None, 0),
    ],
)
def test_a_shard_has_at_most_so_many_events(events: int, shard_events: int | None, expected: int) -> None:
    assert expected_shards(events, shard_events) == expected


def mapped_evenly(events: int, shard_events: int) -> Manifest:
    """Return the manifest of transform for a day that has about as many events in each second."""
    day = job(NOTHING, rows=events, limits=Limits().for_shards(shard_events))
    rows = Counter(day.bucket_of_second[n * 86_400 // events].item() for n in range(events))
    parts = plan_parts(rows, rows, day)
    files = tuple(
        LakeFile(key=f"{part.number}", bytes=1, sha256="ab", rows=sum(rows for _, rows, _ in part.buckets))
        for part in parts
    )
    return Manifest(
        step="transform", pipeline="shop", partition="2026-07-01", digest="ab", inputs={}, files=files,
        counts={}, created_at="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("events", "shard_events"),
    [
        (21_000, 10_000),
        (46_000, 10_000),
        (90_000, 20_000),
        (1_500, 1_000),
        (300_000, 1_000),
        (120_000, 500_000),
    ],
)
def test_a_day_with_events_at_all_times_has_the_expected_shards(events: int, shard_events: int) -> None:
    shards = shards_of(mapped_evenly(events, shard_events), shard_events)
    assert max(1, len(shards)) == expected_shards(events, shard_events)


@pytest.mark.parametrize(
    ("events", "shard_events", "sentence"),
    [
        ([], None, ""),
        ([RECOMMENDED_EVENTS], None, ""),
        (
            [5, RECOMMENDED_EVENTS + 1],
            None,
            "the largest of 2 known days has 10,000,001 events; set shard_events in the pipeline file, so that several "
            "tasks validate a day of more than 10,000,000 events",
        ),
        (
            [],
            MILLION,
            "the number of shards is not known yet, because the lake has no export of the pipeline; shard_events is "
            "1,000,000",
        ),
        ([0], MILLION, "days are validated as a whole: the one known day has 0 events; shard_events is 1,000,000"),
        (
            [1, 1, MILLION],
            MILLION,
            "days are validated as a whole: the median of 3 known days has 1 event, the largest 1,000,000; shard_events "
            "is 1,000,000",
        ),
        (
            [1, 1, 4_600_000],
            MILLION,
            "up to 5 shards a day: the median of 3 known days has 1 event, the largest 4,600,000; shard_events is "
            "1,000,000",
        ),
        (
            [4_600_000, 2_000_000, 2_200_000],
            MILLION,
            "3 to 5 shards a day: the median of 3 known days has 2,200,000 events, the largest 4,600,000; shard_events "
            "is 1,000,000",
        ),
        ([2_000_001], MILLION, "3 shards a day: the one known day has 2,000,001 events; shard_events is 1,000,000"),
    ],
)  # fmt: skip
def test_the_sentence_has_the_usual_and_the_largest_day(
    events: list[int], shard_events: int | None, sentence: str
) -> None:
    found = ShardEstimate.of(events, shard_events)
    assert found.sentence == sentence
    assert found.is_recommended == sentence.startswith("the largest")


def test_the_result_has_the_numbers_of_the_sentence() -> None:
    assert ShardEstimate.of([4_600_000, 2_000_000, 2_200_000], MILLION).to_json() == {
        "shard_events": MILLION,
        "known_days": 3,
        "median_events": 2_200_000,
        "largest_events": 4_600_000,
        "usual_shards": 3,
        "most_shards": 5,
        "recommended": False,
    }
