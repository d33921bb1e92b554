"""Daily partitions by the calendar of a time zone."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from airflow._shared.timezones.timezone import coerce_datetime, make_aware, parse_timezone
from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.timetables.trigger import CronPartitionTimetable
from pendulum import DateTime

KEY_FORMAT = "%Y-%m-%d"


class DailyPartitionTimetable(CronPartitionTimetable):
    """Creates, at each midnight of a zone, a run for the partition of the day that just ended.

    Airflow's own offset steps back one cron tick. If midnight does not exist on the spring day (Havana, Santiago,
    Cairo, Beirut), that tick is on the same day: one day would run twice and the day before it never. This class
    counts calendar days. It only uses midnight, because a backfill's bounds are midnights.
    """

    def __init__(self, timezone: Any, first_day: str = "", last_day: str = "") -> None:
        super().__init__("0 0 * * *", timezone=timezone, run_offset=-1, key_format=KEY_FORMAT)
        self._first_day, self._last_day = first_day, last_day

    @property
    def summary(self) -> str:
        """The text of the schedule in Airflow's UI."""
        return f"daily, {self._timezone.name}"

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> DailyPartitionTimetable:
        """Return the timetable from its serialised form."""
        return cls(parse_timezone(data["timezone"]), data.get("first_day", ""), data.get("last_day", ""))

    def serialize(self) -> dict[str, Any]:
        """Return the serialised form."""
        from airflow.serialization.encoders import encode_timezone

        days = {"first_day": self._first_day, "last_day": self._last_day}
        return {"timezone": encode_timezone(self._timezone), **days}

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next run, from the first day to the last one, if they are set.

        The midnight of a DAG's ``start_date`` belongs to the day before it. A DAG's ``end_date`` would do more than
        end the schedule: later runs would succeed without a task.
        """
        info = super().next_dagrun_info_v2(last_dagrun_info=last_dagrun_info, restriction=restriction)
        if info is not None and str(info.partition_key) < self._first_day:
            info = super().next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
        if info is None or (self._last_day and str(info.partition_key) > self._last_day):
            return None
        return info

    def _get_partition_date(self, *, run_date: datetime) -> DateTime:
        day = coerce_datetime(run_date).in_timezone(self._timezone).date() - timedelta(days=1)
        return coerce_datetime(make_aware(datetime.combine(day, time(0)), self._timezone))
