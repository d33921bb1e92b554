"""The simulation of years: no limit is exceeded, every day is loaded once, and the page has its numbers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.simulate.model import Faults, Figures, Workload
from benchmarks.simulate.report import lake_growth, larger_days, numbers, picture, table
from benchmarks.simulate.simulation import Outcome, Simulation, lake_bytes

pytestmark = pytest.mark.unit
DOCS = Path(__file__).parents[2] / "docs"
SMALL = Workload(pipelines=4, history_days=90, events_a_day=3e6, profile_pipelines=1, after_days=3)
MANY_FAULTS = Faults(truncated=0.15, too_many_requests=0.1, worker_killed=0.05, batch_refused=0.05)


@pytest.fixture(scope="module", params=[Faults(0, 0, 0, 0), MANY_FAULTS], ids=["calm", "faults"])
def outcome(request: pytest.FixtureRequest) -> Outcome:
    return Simulation(SMALL, faults=request.param).run()


def test_no_limit_of_a_service_is_exceeded(outcome: Outcome) -> None:
    for moments in outcome.requests.values():
        assert outcome.most_in(moments, 3600) <= 60
        assert outcome.most_in(moments, 1) <= 3
    found = numbers(outcome, Figures())
    largest = max(size for _, size, _ in outcome.batches) / 1e9
    assert (
        found.most_gb_an_hour <= max(20.0, largest) + largest
    )  # a batch may begin before the hour, and end in it
    assert found.most_profile_batches_a_day <= 90
    assert found.daily_delay_hours < 1.0


def test_every_day_is_loaded_once(outcome: Outcome) -> None:
    assert set(outcome.loads.values()) == {1}
    assert len(outcome.finished) == SMALL.pipelines
    history = SMALL.pipelines * SMALL.history_days
    assert len(outcome.loads) >= history + SMALL.pipelines * SMALL.after_days


def test_the_same_seed_is_the_same_simulation() -> None:
    small = replace(SMALL, pipelines=2, history_days=20)
    assert numbers(Simulation(small).run(), Figures()) == numbers(Simulation(small).run(), Figures())


def test_windows_take_a_fraction_of_the_requests_and_the_table_and_picture_show_both() -> None:
    found = {
        str(days): Simulation(replace(SMALL, window_days=days), faults=Faults(0, 0, 0, 0)).run()
        for days in (30, 1)
    }
    requests = {name: numbers(each, Figures()).backfill_requests for name, each in found.items()}
    assert requests["1"] == SMALL.pipelines * SMALL.history_days
    assert requests["30"] * 3 < requests["1"]
    shown = table({name: numbers(each, Figures()) for name, each in found.items()})
    assert f"| requests of the backfills | {requests['30']} | {requests['1']} |" in shown
    assert len(ET.fromstring(picture(found, SMALL, Figures())).findall("{*}polyline")) == 7
    growth = lake_growth(found["30"], Figures())
    assert growth.splitlines()[0] == "| days after the start | everything kept | raw_days: 90 | raw_days: 7 |"
    assert len(growth.splitlines()) > 3
    last = max(found["30"].loaded.values())
    half, all_kept = lake_bytes(found["30"], Figures(), None, [last / 2, last])
    assert half < all_kept
    assert lake_bytes(found["30"], Figures(), 1, [last])[0] < all_kept


def test_the_page_has_the_tables_and_the_picture() -> None:
    page = (DOCS / "scale.md").read_text()
    assert larger_days(Figures()) in page
    assert "| requests of the backfills |" in page
    assert "| days after the start | everything kept |" in page
    ET.fromstring((DOCS / "scale.svg").read_text())
