"""E: one request for several days of a backfill."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.failures.failure import answer, cut
from tests.faults.case import ALL_OF_IT, Act, Case, Do, Go, dies, fault, run, three
from tests.faults.chaos.observe import EXPORT, all_of, asked, outputs
from tests.faults.process_run import DAYS, Run
from tests.faults.scenario import Scenario

_FIRST, *_OTHERS = DAYS
_THREE_DAYS: dict[str, Any] = {
    "events": tuple(each for day in DAYS for each in three(day)),
    "pipeline": {"start_date": DAYS[0], "end_date": DAYS[-1]},
    "run": Run(backfill=True),
    "active": 9,
    "batches": 3,
    "ledger": ALL_OF_IT,
}
_EXPIRED = 1_100.0
"""By so many seconds a later worker comes, after a claim has expired."""
_TOO_LATE = "again:Throttled"


def _backfill(day: date, **more: Any) -> Run:
    return run(day=day, backfill=True, **more)


def _days(*days: date, **more: Any) -> tuple[Act, ...]:
    return tuple(Go(_backfill(day, **more)) for day in days)


def _published(*days: date) -> Do:
    """Exactly these days have an export."""

    def check(scenario: Scenario) -> None:
        keys = scenario.lake.keys(scenario.pipeline.name)
        found = {key.split("/")[1] for key in keys if "/raw/" in key and key.endswith("/manifest.json")}
        assert found == set(map(str, days)), found

    return Do("what is published", check)


def _exporting(planned: Any) -> Do:
    return fault({"match": EXPORT, **planned})


CASES = (
    Case("E26", "kill -9 while the lines of three days are split", "no day is published; the retry fetches all three again", (
         dies("window.split", backfill=True), _published(), *_days(*DAYS)), check=all_of(asked(2), outputs("export", 1)), **_THREE_DAYS),
    Case("E26/s3", "as E26, the lake in S3", "as E26", (
         dies("window.split", backfill=True), _published(), *_days(*DAYS)), check=all_of(asked(2), outputs("export", 1)),
         lake="s3", **_THREE_DAYS),
    Case("E26/between two days", "kill -9 after one of three days was published", "that day is whole and is not requested again; its retry lets the others continue",
         (dies("window.published", backfill=True), _published(_FIRST), *_days(_FIRST), *_days(*_OTHERS)), check=asked(2), **_THREE_DAYS),
    Case("E27", "the process that holds the claim of a window is killed", "another run waits, takes over when the claim has expired, and fetches for all",
         (dies("window.claimed", backfill=True), Go(_backfill(DAYS[1]), _TOO_LATE, "Another run exports days"),
          *_days(DAYS[1], ahead=_EXPIRED), *_days(DAYS[0], DAYS[2])), check=all_of(asked(1), outputs("export", 1)), **_THREE_DAYS),
    Case("E27/its own retry", "as E27, and Airflow retries the killed task", "it continues its claim without waiting",
         (dies("window.claimed", backfill=True), *_days(*DAYS)), check=asked(1), **_THREE_DAYS),
    Case("E28", "the response for three days is truncated", "no day is published; the retry requests fewer days", (
         _exporting(cut(encoding="gzip", framing="content-length", honest=True)), Go(_backfill(_FIRST), "again:TruncatedExport"),
         _published(), *_days(*DAYS)), check=all_of(asked(4), outputs("export", 1)), **_THREE_DAYS),
    Case("E29", "429 with Retry-After of five minutes for one worker", "the others send no request until then", (
         _exporting(answer(429, retry_after=300)), Go(_backfill(_FIRST), _TOO_LATE),
         Go(_backfill(DAYS[1]), _TOO_LATE, "requested a pause"), Do("one request so far", asked(1)),
         *_days(*DAYS, ahead=400.0)), scenario={"budget": True}, check=asked(2), **_THREE_DAYS),
)  # fmt: skip
