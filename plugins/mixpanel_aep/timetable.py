"""Daily partitions by the calendar of a time zone."""

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
    """The request that this thread of the API server handles."""

    by_hand = False
    """Whether Airflow has made its run's id, which it does for a person's request. A task names the id itself."""


_request = _Request()


class DailyPartitionTimetable(CronPartitionTimetable):
    """Creates, at each midnight of a zone, a run for the partition of the day that just ended.

    Airflow's own offset steps back one cron tick. If midnight does not exist on the spring day (Havana, Santiago,
    Cairo, Beirut), that tick is on the same day: one day would run twice and the day before it never. This class
    counts calendar days. It only uses midnight, because a backfill's bounds are midnights.
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
        """Return the timetable from its serialised form."""
        days = (data.get("first_day", ""), data.get("last_day", ""))
        return cls(parse_timezone(data["timezone"]), *days, on_request=bool(data.get("on_request")))

    def serialize(self) -> JsonObject:
        """Return the serialised form."""
        from airflow.serialization.encoders import encode_timezone

        days = {"first_day": self._first_day, "last_day": self._last_day, "on_request": self._on_request}
        return {"timezone": encode_timezone(self._timezone), **days}

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next run, from the first day to the last one, if they are set.

        The midnight of a DAG's ``start_date`` belongs to the day before it. A DAG's ``end_date`` would do more than
        end the schedule: later runs would succeed without a task.
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
        """Return the id of a run, and note for ``resolve_partition_date``, which Airflow calls next, whether a person requested the run."""
        _request.by_hand = run_type == DagRunType.MANUAL
        return super().generate_run_id(
            run_type=run_type, run_after=run_after, data_interval=data_interval, **extra
        )

    def resolve_partition_date(self, partition_key: str | None) -> datetime | None:
        """Return the midnight at which the day of a requested run begins; None for a run that a task has started.

        Airflow calls this for each run that is requested by a person or by a task, and shows the message in its form. A
        task cannot name a partition key in Airflow 3.3; the run that it starts has its day in its conf.

        Raises:
            InvalidPartitionKeyError: the run names no day, or not as ``YYYY-MM-DD``.
        """
        by_hand, _request.by_hand = _request.by_hand, False
        if partition_key is None and not by_hand:
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
        day = coerce_datetime(run_date).in_timezone(self._timezone).date() - timedelta(days=1)
        return coerce_datetime(make_aware(datetime.combine(day, time(0)), self._timezone))
