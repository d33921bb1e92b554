"""A scheduled year covers every calendar day of the zone once, also where midnight does not exist."""

from __future__ import annotations

from datetime import date, timedelta

import pendulum
import pytest
from airflow.timetables.base import TimeRestriction
from airflow.utils.types import DagRunType

from mixpanel_aep.timetable import DailyPartitionTimetable

pytestmark = pytest.mark.airflow

ZONES = ["UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland", "Pacific/Apia",
         "America/Havana", "America/Santiago", "Africa/Cairo", "Asia/Beirut", "America/Asuncion", "Australia/Lord_Howe"]  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_every_day_of_a_year_is_scheduled_once_after_it_ended(zone):
    timetable = DailyPartitionTimetable(zone)
    restriction = TimeRestriction(pendulum.datetime(2026, 1, 1, tz=zone), None, catchup=True)
    info, keys = None, []
    for _ in range(366):
        info = timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
        keys.append(info.partition_key)
        ended = pendulum.parse(info.partition_key, tz=zone).add(days=1)
        assert info.run_after >= ended.start_of("day")
        assert info.run_after <= ended.start_of("day").add(hours=1)
    first = date(2025, 12, 31)
    assert keys == [str(first + timedelta(days=n)) for n in range(366)]


@pytest.mark.parametrize("zone", ZONES)
def test_a_backfill_includes_both_ends(zone):
    timetable = DailyPartitionTimetable(zone)
    bounds = (pendulum.datetime(2026, 3, 1), pendulum.datetime(2026, 4, 30))
    keys = [
        i.partition_key for i in timetable.iter_partition_dagrun_infos(earliest=bounds[0], latest=bounds[1])
    ]
    assert keys == [str(date(2026, 3, 1) + timedelta(days=n)) for n in range(61)]


def test_the_timetable_survives_serialization():
    timetable = DailyPartitionTimetable("America/Havana", "2026-01-01", "2026-07-01", on_request=True)
    again = DailyPartitionTimetable.deserialize(timetable.serialize())
    assert (
        again.serialize()
        == timetable.serialize()
        == {
            "timezone": "America/Havana",
            "first_day": "2026-01-01",
            "last_day": "2026-07-01",
            "on_request": True,
        }
    )
    assert again.partitioned


def test_nothing_is_scheduled_before_the_first_day_or_after_the_last() -> None:
    timetable = DailyPartitionTimetable("UTC", "2026-07-01", "2026-07-02")
    restriction = TimeRestriction(pendulum.datetime(2026, 7, 1), None, catchup=True)
    info, keys = None, []
    while info := timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction):
        keys.append(info.partition_key)
    assert keys == ["2026-07-01", "2026-07-02"]


def test_on_request_nothing_is_scheduled_and_a_backfill_still_has_its_days() -> None:
    timetable = DailyPartitionTimetable("UTC", on_request=True)
    restriction = TimeRestriction(pendulum.datetime(2026, 7, 1), None, catchup=True)
    assert timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction) is None
    days = (pendulum.datetime(2026, 3, 1), pendulum.datetime(2026, 3, 2))
    found = timetable.iter_partition_dagrun_infos(earliest=days[0], latest=days[1])
    assert [info.partition_key for info in found] == ["2026-03-01", "2026-03-02"]
    assert "on request" in timetable.summary


@pytest.mark.parametrize("key", ["20260701", "2026-7-1", "yesterday", "2026-13-01", "2026-07-01T00:00:00"])
def test_a_requested_run_names_its_day_in_one_way(key: str) -> None:
    with pytest.raises(ValueError, match="Write the day in the form 2026-07-01"):
        DailyPartitionTimetable("UTC").resolve_partition_date(key)


def test_a_requested_run_without_a_day_is_refused_with_what_to_do() -> None:
    timetable, now = DailyPartitionTimetable("UTC"), pendulum.datetime(2026, 7, 2)
    for key in (None, ""):
        timetable.generate_run_id(run_type=DagRunType.MANUAL, run_after=now, data_interval=None)
        with pytest.raises(ValueError, match=r"mixpanel_aep_day_.*Backfill.*partition_key"):
            timetable.resolve_partition_date(key)
    assert timetable.resolve_partition_date(None) is None, "a task has started it, with the day in its conf"
    resolved = DailyPartitionTimetable("Europe/Berlin").resolve_partition_date("2026-07-01")
    assert resolved == pendulum.datetime(2026, 7, 1, tz="Europe/Berlin")
