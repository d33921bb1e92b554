"""The timetable of the daily DAG: one run per calendar day of a time zone, with the day as the partition key."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from threading import local

from airflow._shared.timezones.timezone import coerce_datetime, make_aware, parse_timezone
from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.trigger import CronPartitionTimetable
from airflow.utils.types import DagRunType
from pendulum import DateTime, FixedTimezone, Timezone

from include.json_types import JsonObject

KEY_FORMAT = "%Y-%m-%d"


class _Request(local):
    """The state of the request for a new DAG run that the current thread of the API server handles."""

    is_manual = False
    """Whether a user requested the run: Airflow then generates the run's id, while a task chooses the id itself."""


_request = _Request()


class DailyPartitionTimetable(CronPartitionTimetable):
    """Creates a run at each midnight of a time zone, for the day that just ended.

    Airflow's ``CronPartitionTimetable`` steps back one cron tick to find the day. Where midnight does not exist on a
    day in spring (Havana, Santiago, Cairo, Beirut), that tick is on the same day: one day would run twice, and the day
    before it never. So this class counts calendar days. Runs are at midnight, as a backfill's bounds are midnights.

    Args:
        timezone: the time zone.
        first_day: the first day with a run, as ``YYYY-MM-DD``; empty: no limit.
        last_day: the last day with a run, as ``YYYY-MM-DD``; empty: no limit.
        on_request: whether no runs are scheduled, so that only users, tasks and backfills create runs.
    """

    def __init__(
        self,
        timezone: str | Timezone | FixedTimezone,
        first_day: str = "",
        last_day: str = "",
        *,
        on_request: bool = False,
    ) -> None:
        super().__init__("0 0 * * *", timezone=timezone, run_offset=-1, key_format=KEY_FORMAT)
        self._first_day, self._last_day = first_day, last_day
        self._on_request = on_request

    @property
    def summary(self) -> str:
        """The text of the schedule in Airflow's UI."""
        return (
            f"days of {self._timezone.name}, on request"
            if self._on_request
            else f"daily, {self._timezone.name}"
        )

    @classmethod
    def deserialize(cls, data: JsonObject) -> DailyPartitionTimetable:
        """Create the timetable from the result of :meth:`serialize`."""
        days = (data.get("first_day", ""), data.get("last_day", ""))
        return cls(parse_timezone(data["timezone"]), *days, on_request=bool(data.get("on_request")))

    def serialize(self) -> JsonObject:
        """Return the arguments of the timetable as JSON, for Airflow's metadata database."""
        from airflow.serialization.encoders import encode_timezone

        days = {"first_day": self._first_day, "last_day": self._last_day, "on_request": self._on_request}
        return {"timezone": encode_timezone(self._timezone), **days}

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next scheduled run, or None after the last. Runs are limited to the first and the last day.

        The DAG's ``start_date`` alone would add the day before it, because a midnight creates the run of the day that
        ended. The DAG's ``end_date`` is not used, because with it, later manual runs would succeed without any task.
        """
        if self._on_request:
            return None
        info = super().next_dagrun_info_v2(last_dagrun_info=last_dagrun_info, restriction=restriction)
        if info is not None and str(info.partition_key) < self._first_day:
            info = super().next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
        if info is None or (self._last_day and str(info.partition_key) > self._last_day):
            return None
        return info

    def generate_run_id(
        self,
        *,
        run_type: DagRunType,
        run_after: DateTime,
        data_interval: DataInterval | None,
        **extra: object,
    ) -> str:
        """Return the id of a run, and store whether a user requested the run.

        Airflow calls :meth:`resolve_partition_date` next, in the same thread, which reads this.
        """
        _request.is_manual = run_type == DagRunType.MANUAL
        return super().generate_run_id(
            run_type=run_type, run_after=run_after, data_interval=data_interval, **extra
        )

    def resolve_partition_date(self, partition_key: str | None) -> datetime | None:
        """Return the midnight at which the day of a requested run begins; None for a run that a task requested.

        Airflow calls this for each run that a user or a task requests, and shows the error in the form. In Airflow 3.3,
        a task cannot set a partition key, so the run that it requests has the day in its conf.

        Raises:
            InvalidPartitionKeyError: a user's request has no partition key, or the key is not a day as ``YYYY-MM-DD``.
        """
        is_manual, _request.is_manual = _request.is_manual, False
        if partition_key is None and not is_manual:
            return None
        if not partition_key:
            raise InvalidPartitionKeyError(
                "A run of this DAG loads one day, and this request names none. For one day, start the DAG "
                "mixpanel_aep_day_... of this pipeline: its form has a field for the day. For several days, choose "
                "Backfill in this form. In a REST request, set partition_key, for example 2026-07-01."
            )
        try:
            day = date.fromisoformat(partition_key)
        except ValueError:
            day = None
        if day is None or day.isoformat() != partition_key:
            raise InvalidPartitionKeyError(
                "The partition key of this DAG is a day. Write the day in the form 2026-07-01."
            )
        return super().resolve_partition_date(partition_key)

    def _get_partition_date(self, *, run_date: datetime) -> DateTime:
        """Return the midnight at which the day before ``run_date`` begins; Airflow's class calls this method."""
        day = coerce_datetime(run_date).in_timezone(self._timezone).date() - timedelta(days=1)
        return coerce_datetime(make_aware(datetime.combine(day, time(0)), self._timezone))
