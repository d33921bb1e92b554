"""The result of transform does not depend on processes, pieces or clock changes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import ConfigError
from include.lake.lake import Lake
from include.steps.transform.job import Limits
from tests.support.builders import (
    NOON,
    event,
    line,
    quarantined,
    row,
    rows,
    schema,
    transformed,
    workspace,
)  # fmt: skip
from tests.support.transformed_days import MAPPING, XDM, digests

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]


GARBAGE = st.sampled_from(
    [
        b"{",
        b"99",
        b"\xff",
        b'{"event":"A","properties":[]}',
        line(event(distinct_id=None)),
        line(event(time=1)),
    ]
)


EVENTS = st.builds(
    lambda name, who, insert, at, extra: line(event(name, distinct_id=who, time=NOON + at, **{"$insert_id": insert, **extra})),
    st.sampled_from(["A", "B"]), st.sampled_from(["u", "v", 7]), st.sampled_from(["1", "2", None]), st.integers(0, 1),
    st.dictionaries(st.sampled_from(["$city", "quantity", "mp_processing_time_ms"]), st.integers(0, 2) | st.text(max_size=2)),
)  # fmt: skip


@settings(max_examples=12)
@given(st.lists(EVENTS | GARBAGE, max_size=60))
def test_every_exported_line_is_accounted_for(lines: list[bytes]) -> None:
    """exported + not_events = duplicates + quarantined + mapped, each id once, and none that Mixpanel did not return."""
    with TemporaryDirectory() as folder:
        place = workspace(Lake(f"file://{folder}/lake"))
        made = transformed(place, XDM, MAPPING, *lines)
        found = rows(place, made, Path(folder))
        counts = made.counts
        assert (
            counts["exported"] + counts.get("not_events", 0)
            == len(lines)
            == counts["duplicates"] + counts["quarantined"] + counts["mapped"]
        )
        assert counts["mapped"] == len(found) == made.rows
        assert counts["quarantined"] == len(quarantined(place, made))
        assert max(Counter(row["_id"] for row in found).values(), default=1) == 1
        assert [row["timestamp"] for row in found] == sorted(row["timestamp"] for row in found)
        assert [identity for identity, _ in digests(place, made)] == [row["_id"] for row in found]


def test_other_processes_with_other_hash_seeds_write_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import sys; from tests.steps.transform.test_transform import *; "
        "place = workspace(Lake('file://' + sys.argv[1])); "
        "lines = [line(event(**{'$insert_id': str(n % 400), '$city': 'ÅØ'[n % 2], 'x': {'b': n, 'a': 1}})) for n in range(1000)]; "
        "made = transformed(place, XDM, MAPPING, *lines, b'bad'); "
        "print(made.digest, made.content, made.details['quarantine']['sha256'])"
    )
    reported = set()
    for seed in ("1", "2"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "LC_ALL": ["C", "C.UTF-8"][seed == "2"],
            "TZ": ["UTC", "Asia/Kolkata"][seed == "2"],
        }
        done = subprocess.run(
            [sys.executable, "-c", code, f"{tmp_path}/{seed}"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        reported.add(done.stdout)
    assert len(reported) == 1


LIMITS = [
    Limits(),
    Limits(flush_rows=3, group_rows=4, bucket_rows=2),
    Limits(flush_bytes=1, group_bytes=1, piece_rows=1),
    Limits(piece_bytes=1, bucket_rows=5),
]


def test_a_day_mapped_in_pieces_is_the_same_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large days are mapped in pieces, and the piece of a row does not matter."""
    lines = [
        line(event(time=NOON + n % 3 * 7200, **{"$insert_id": f"{n}", "quantity": [n, "many", None][n % 3]}))
        for n in range(30)
    ]
    made = []
    for number, limits in enumerate(LIMITS):
        monkeypatch.setattr("include.steps.transform.step.LIMITS", limits)
        place = workspace(Lake(f"file://{tmp_path}/{number}"))
        manifest = transformed(place, XDM, MAPPING, *lines, lines[0])
        made.append((rows(place, manifest, tmp_path), manifest.counts, manifest.details["not_converted"]))
    assert made[0] == made[1] == made[2] == made[3]
    assert made[0][2] == {"_acme.mixpanel.quantity": 10}


@pytest.mark.parametrize("day", [date(2025, 11, 2), date(2026, 3, 8)], ids=["autumn", "spring"])
def test_rows_are_ordered_across_a_clock_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: date
) -> None:
    """Buckets are cut by the wall clock, whose order differs from that of instants at a clock change."""
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    sent = []
    for n in range(0, 86_400, 600):
        for later in (0, 3600):  # The arrival distinguishes the repeated hour.
            arrival = (midnight + n + 7 * 3600 + later) * 1000
            more = {"$insert_id": f"{n}-{later}", "$mp_api_timestamp_ms": arrival}
            sent.append(line(event(time=midnight + n, **more)))
    monkeypatch.setattr("include.steps.transform.step.LIMITS", Limits(bucket_rows=3, group_rows=7))
    source = {"time_is": "project_local", "timezone": "America/Los_Angeles"}
    place = workspace(Lake(f"file://{tmp_path}/lake"), day, mixpanel=source)
    made = transformed(place, XDM, MAPPING, *sent)
    stamps = [found["timestamp"] for found in rows(place, made, tmp_path)]
    assert len(stamps) == len(sent)
    assert stamps == sorted(stamps)
    assert made.counts["time_fold" if day.month == 11 else "time_gap"] == 12


def test_a_day_that_contradicts_the_pipelines_time_convention_is_refused_before_publishing(
    lake: Lake,
) -> None:
    """Rows of an old project in Los Angeles, which reached Mixpanel seven hours after their wall-clock time."""
    arrival = {"mp_lib": "web", "$mp_api_timestamp_ms": (NOON + 7 * 3600) * 1000 + 500}
    rows = [line(event(**arrival, **{"$insert_id": f"{n}"})) for n in range(30)]
    wrong = workspace(lake, mixpanel={"timezone": "America/Los_Angeles", "time_is": "utc"})
    with pytest.raises(ConfigError, match="30 of 30 live events reached Mixpanel 7 hours after their `time`"):
        transformed(wrong, schema(), [row("event", "eventType")], *rows)
    assert list(lake.keys("shop/2026-07-01/xdm")) == []
    right = workspace(lake, mixpanel={"timezone": "America/Los_Angeles", "time_is": "project_local"})
    assert transformed(right, schema(), [row("event", "eventType")], *rows).rows == 30
