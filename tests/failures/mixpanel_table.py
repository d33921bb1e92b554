"""Failures that users of other Mixpanel exporters reported in their issues, and the outcome for the day.

The numbers belong to this catalogue; ``+`` joins several that one day shows, ``/`` begins a variant. Failures from
Mixpanel's reference and responses are in ``mixpanel_responses_table.py``.
"""

from __future__ import annotations

from datetime import date, timedelta

from include.errors import (
    ConfigError,
    ExportTerminatedEarly,
    NotAnExport,
    PartitionNotClosed,
    ServiceUnavailable,
    Throttled,
    TruncatedExport,
    WrongProject,
)
from tests.failures.failure import (
    CANARY_ROW,
    DAY,
    MIDNIGHT,
    NOON,
    Elsewhere,
    NotOurs,
    answer,
    cut,
    drop,
    event,
    line,
    sentinel,
)
from tests.failures.mixpanel_failure import MixpanelFailure as Row

NUMBERS = (*(str(number) for number in range(1, 48)), "24b", "24c", "26b")
_AIRBYTE, _TAP, _EMBULK = (
    "airbytehq/airbyte#",
    "singer-io/tap-mixpanel#",
    "treasure-data/embulk-input-mixpanel#",
)
_ESTUARY, _UTILS = "estuary/connectors#", "mixpanel/mixpanel-utils#"
_EVE, _MORROW = DAY - timedelta(1), DAY + timedelta(1)
_LEGACY = {"time_is": "project_local", "timezone": "America/Los_Angeles"}
_INDIA = {"time_is": "project_local", "timezone": "Asia/Kolkata"}
_FIVE_DAYS = tuple(DAY + timedelta(n) for n in range(-2, 3))
_BIG = (3928097563762691601, 2**53 + 1, 2**64, 10**30)
_SPELLINGS = (
    "terminated early",
    "export terminated early",
    "[terminated early]",
    "terminated early: timeout",
    "EXPORT_TERMINATED_EARLY",
)
_TOO_MANY = '{"error":"too many export requests in progress for this project"}'

ROWS: tuple[Row | Elsewhere | NotOurs, ...] = (
    Row("1+9+19+30", _AIRBYTE + "11018, #5355, #21837", exported=6, active=6, holds=(
        event("a\u2028b", **{"c\u2029d": "e\u0085f", "g\u000bh": "\u000c\u001c"}),
        event(username="a", userName="b"), event(username="c"), event(userName="d"),
        event(**{"$insert_id": "in no lexicon", "never listed": 1}), event(numbers=list(_BIG))),
        kept=("e\\u0085f", '\\"username\\":\\"a\\"', '\\"userName\\":\\"b\\"', '\\"never listed\\":1', ",".join(map(str, _BIG)))),
    Row("2", _AIRBYTE + "18846", holds=(event(text="one\u2028two\u2029three\u0085four"),), exported=1),
    Row("3", _ESTUARY + "2586", holds=(event(text="Sing\u008599\u0085Luft"),), exported=1),
    Row("4", _ESTUARY + "1887", holds=tuple(event(f"E{n}", at=MIDNIGHT + n * 7919 % 86400, **{"$user_id": f"u{n % 7}",
        "insert_id": "clean", "insert_id\ufffd": "damaged"}) for n in range(20)), exported=20, active=20),
    Row("5", _ESTUARY + "3546", now="2025-06-14T08:00:00Z", exported=2,
        holds=(event(), event() | {"processed_at": MIDNIGHT * 1000 + 3 * 86_400_000})),
    Row("6", _ESTUARY + "3598", days=_FIVE_DAYS, now="2025-06-13T08:00:00Z", holds=(event(),), requests=5, exported=1, active=1),
    Elsewhere("7", _ESTUARY + "2910", "test_a_day_is_streamed_and_never_held_in_memory"),
    Row("8+24c", _ESTUARY + "1877, ak--47/mpMigrate#14", exported=5, active=4, duplicates=1, holds=(
        event("A", **{"$insert_id": "same"}), event("B", **{"$insert_id": "same"}), event("B", **{"$insert_id": "same"}),
        event("C", **{"$insert_id": None}), event("D", **{"$insert_id": None}))),
    Elsewhere("10", _AIRBYTE + "62845", "test_a_day_is_streamed_and_never_held_in_memory"),
    Row("11", _AIRBYTE + "9410", (answer(429),), requests=2, waits=(2, 7)),
    Row("11/seconds", _AIRBYTE + "9410", (answer(429, retry_after=7),), requests=2, waits=(7, 7)),
    Row("11/a moment ago", _AIRBYTE + "9410", (answer(429, headers={"Retry-After": "Tue, 10 Jun 2025 08:00:00 GMT"}),),
        requests=2, waits=(1, 1)),
    Row("11/date", _AIRBYTE + "9410", (answer(429, headers={"Retry-After": "Wed, 11 Jun 2025 08:00:30 GMT"}),),
        requests=2, waits=(29, 31)),
    Row("11/zero", _AIRBYTE + "9410", (answer(429, 5, retry_after=0),), requests=6, waits=(5, 5)),
    Row("11/garbage", _AIRBYTE + "9410", (answer(429, retry_after="soon"),), requests=2, waits=(2, 7)),
    Row("11/a day", _AIRBYTE + "9410", (answer(429, retry_after=99999),), (Throttled,), says="60 exports an hour", requests=2,
        waits=(0, 0)),
    Row("11/storm", _AIRBYTE + "7126", (answer(429, None),), (Throttled,) * 3, succeeds=False, says="60 exports an hour",
        requests=18, exported=None, waits=(186, 336)),
    Row("12", _AIRBYTE + "24177", (cut(end="reset", after_bytes=200),), (TruncatedExport,), says="connection to Mixpanel broke", requests=2),
    Row("13", _AIRBYTE + "45068", days=(DAY, _MORROW), now="2025-06-12T08:00:00Z", requests=2, exported=2,
        holds=(event("last second", at=MIDNIGHT + 86399), event("first second", at=MIDNIGHT + 86400))),
    Row("14+40", _AIRBYTE + "15091, " + _EMBULK + "54", runs=3, exported=1, active=1, holds=(
        event(), event() | {"processed_at": MIDNIGHT * 1000, "visible_at": "2025-06-12T00:00:00Z"})),
    Row("15", _AIRBYTE + "55673", now="2025-06-30T08:00:00Z", exported=2,
        holds=(event(), event() | {"processed_at": MIDNIGHT * 1000 + 19 * 86_400_000})),
    Row("16", _AIRBYTE + "23662", project={"timezone": "Pacific/Pago_Pago"}, now="2025-06-10T10:30:00Z", succeeds=False,
        source_settings={"time_is": "project_local", "timezone": "Pacific/Kiritimati"}, raises=(PartitionNotClosed,),
        says="2025-06-10 is still in the future .* mixpanel.timezone", exported=None),
    Row("17", _AIRBYTE + "6075", project={"region": "eu"}, connection={"extra": {"region": "us"}}, raises=(WrongProject,),
        succeeds=False, says="is not in region us.* eu or in", exported=None),
    Row("18", _AIRBYTE + "27252", ({"match": {"path": "/api/query/*"}, **answer(402, None)},)),
    Elsewhere("20", _AIRBYTE + "11251", "test_a_failed_run_keeps_the_previous_export"),
    Row("21", _AIRBYTE + "36724", holds=tuple(event(f"E{n}", utm_medium="mail", text="\u2028" * (n % 3)) for n in range(400)),
        exported=400),
    *(Row(f"22/{text}{suffix}", _UTILS + "5", (sentinel(text, **how),), (ExportTerminatedEarly,), says="terminated this export",
          requests=2)
      for text in _SPELLINGS
      for suffix, how in {"": {}, " without newline": {"newline": False}, " in gzip": {"encoding": "gzip"},
                          " in half a line": {"mid_line": True}, " alone": {"after_lines": 0},
                          " in the middle": {"after_lines": 1, "rest": True}}.items()),
    Elsewhere("23", _UTILS + "28", "test_a_day_is_streamed_and_never_held_in_memory"),
    Elsewhere("23/pacing", _UTILS + "37", "test_more_days_than_the_hourly_limit_are_never_rejected"),
    Row("24", "keolo/mixpanel_client#49", ({"action": {"do": "delay", "delay_seconds": 0.3}},)),
    Row("24/longer than patience", "keolo/mixpanel_client#49", ({"action": {"do": "delay", "delay_seconds": 1.2}},),
        idle_seconds=0.6, requests=2),
    Row("24/no connection", "ak--47/mixpanel-import#7", connection={"port": 1}, raises=(ServiceUnavailable,) * 2, succeeds=False,
        says=r"could not be reached to export 2025-06-10 \(ConnectionError at 127\.0\.0\.1:", requests=0, exported=None, waits=(124, 224)),
    NotOurs("24b", _UTILS + "13", "profiles are not exported"),
    Row("25", "PostHog/posthog#46621", days=(_EVE, DAY, _MORROW), now="2025-06-12T08:00:00Z", requests=3, exported=3,
        holds=tuple(event(f"D{n}", at=MIDNIGHT + n * 86400) for n in (-1, 0, 1))),
    *(Row(f"26/{name}", "PostHog/posthog#65049", (cut(**how),), (TruncatedExport,), requests=2)
      for name, how in {"in a chunk": {"after_bytes": 300}, "after a line": {"after_lines": 1, "framing": "content-length"},
                        "before the last line": {"after_lines": 2}, "of gzip": {"encoding": "gzip"}}.items()),
    Row("26/at every try", "PostHog/posthog#65049", (cut(None),), (TruncatedExport,) * 5, succeeds=False, says="connection to Mixpanel broke",
        requests=5, exported=None),
    Row("26b", "PostHog/posthog#28651", source_settings={"time_in_ms": True}, exported=2, active=1,
        holds=(event(at=NOON), line(b'{"event":"A","properties":{}}')), quarantined={"time_missing": 1}),
    Row("27", "keolo/mixpanel_client#60", (answer(429, body=_TOO_MANY, headers={"Content-Type": "text/plain"}),), requests=2),
    Row("28/an error as a 200", "michaelcarter/mixpanel-data-export-js#31", (answer(200, body_json={"error": CANARY_ROW}),),
        (NotAnExport,), says="an error message instead of events", requests=2),
    Row("28/an error in words", "michaelcarter/mixpanel-data-export-js#31", (answer(200, body=f"Api error: {CANARY_ROW}"),),
        (NotAnExport,), says="an error message instead of events", requests=2),
    Row("29", "ak--47/mpMigrate#10", project=_LEGACY, source_settings=_LEGACY, days=(date(2025, 3, 9), date(2025, 11, 2)),
        now="2025-11-04T08:00:00Z", requests=2, exported=4, active=4, instants=(
            "2025-03-09T09:59:59Z", "2025-03-09T10:00:00Z", "2025-11-02T08:59:59Z", "2025-11-02T10:00:00Z"),
        holds=tuple(event(at=None) | {"at": at, "processed_at": at} for at in (
            "2025-03-09T09:59:59Z", "2025-03-09T10:00:00Z", "2025-11-02T08:59:59Z", "2025-11-02T10:00:00Z"))),
    Row("31", "dragonkhoi/mixpanel-mcp#5", raises=(WrongProject,), succeeds=False, says="Set the region", exported=None, faults=(
        answer(400, None, body='{"request":"/x","error":"request failed with error: invalid project id for cluster."}'),)),
    Row("32", "mixpanel/mixpanel-python#110", connection={"extra": {"project_id": None}}, raises=(ConfigError,), succeeds=False,
        says="project_id must be the project's number", requests=0, exported=None),
    Elsewhere("33", _EMBULK + "42", "test_a_day_is_streamed_and_never_held_in_memory"),
    Row("34", _AIRBYTE + "58611", holds=tuple(event(at=MIDNIGHT + hour * 3600) for hour in range(24)), exported=24),
    NotOurs("35", _TAP + "24", "profiles and cohorts are not exported"),
    Row("36", _TAP + "40", holds=(event(at=NOON),), exported=1, active=1, instants=("2025-06-10T12:00:00Z",)),
    Row("36/wall clock", _TAP + "45", project=_LEGACY, source_settings=_LEGACY, holds=(event(at=NOON),), exported=1, active=1,
        instants=("2025-06-10T19:00:00Z",), now="2025-06-11T14:00:00Z"),
    Row("37", _TAP + "20", ({"action": {"do": "hang", "after_bytes": 100, "seconds": 5}},), (TruncatedExport,), idle_seconds=0.6,
        says="ReadTimeoutError", requests=2),
    Row("37/half closed", _TAP + "58", (drop(end="close"),), requests=2, waits=(2, 7)),
    Elsewhere("38", _EMBULK + "48", "test_a_silent_connection_is_kept_open"),
    Row("39", _EMBULK + "51", holds=tuple(event(at=NOON + n * 86400) for n in (-1, 0, 1)), exported=1),
    *(Row(f"41/{missing} bytes", _EMBULK + "57", (cut(before_end_bytes=missing, framing="content-length", honest=True),),
          (TruncatedExport,), says="last line is not a complete event", requests=2) for missing in (2, 3, 40, 150)),
    Row("42", _EMBULK + "59", project=_INDIA, source_settings=_INDIA, now="2025-06-10T23:30:00Z", holds=(event(at=NOON),), exported=1),
    Row("42/tomorrow", _EMBULK + "59", project=_INDIA, source_settings=_INDIA, now="2025-06-10T23:30:00Z", days=(_MORROW,),
        raises=(PartitionNotClosed,), succeeds=False, says="2025-06-11 has not ended in Asia/Kolkata", requests=0, exported=None),
    Row("43", _EMBULK + "62", project=_LEGACY, source_settings=_LEGACY, days=(date(2018, 3, 11),), exported=1, active=1,
        holds=(event(at=1520735400) | {"processed_at": 1520735400},), instants=("2018-03-11T10:30:00Z",)),
    Elsewhere("44", "BasedHardware/omi#7197", "test_a_run_that_dies_before_its_manifest_has_published_nothing"),
    Row("45", "meltano/squared#677", now="2025-11-20T08:00:00Z", exported=2,
        holds=(event(), event() | {"processed_at": MIDNIGHT * 1000 + 150 * 86_400_000})),
    NotOurs("46", _AIRBYTE + "40607", "profiles and cohorts are not exported"),
    Row("47", "studentinsights/studentinsights#1554", (answer(500, body="error completing export request"),), requests=2),
)  # fmt: skip
