"""Reports about the rows of an export: their values, order, days and times."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

from tests.support.sandbox.field_report import (
    DAY,
    NEW,
    arrived,
    event,
    names,
    properties,
    report,
)
from tests.support.sandbox.http_client import ACCOUNT, Sandbox


@report("1", "2", "3")
def _separators(sandbox: Sandbox) -> None:
    """U+2028, U+2029 and U+0085 raw in values and names; a fragment that is JSON by itself."""
    text = "Sing\u008599\u0085Luft"
    sandbox.add(NEW, event("a\u2028b", **{"n\u2029": text, "two": "\u2028\u2029"}))
    [line] = arrived(sandbox).lines
    assert text.encode() in line and "a\u2028b".encode() in line
    assert len(line.decode().splitlines()) == 7
    assert json.loads(line.decode().splitlines()[3]) == 99


@report("4")
def _order_and_damage(sandbox: Sandbox) -> None:
    """Rows that are not ordered by their time; a damaged name in addition to the clean one."""
    hours = [event(distinct_id=f"u{n}", at=f"{DAY}T{n:02}:00:00Z") for n in range(24)]
    sandbox.add(NEW, *hours, event(**{"insert_id": 1, "insert_id\ufffd": 2}))
    found = properties(arrived(sandbox))
    times = [row["time"] for row in found]
    assert times != sorted(times)
    assert any({"insert_id", "insert_id\ufffd"} <= row.keys() for row in found)


@report("5", "15", "45")
def _late(sandbox: Sandbox) -> None:
    """A row of three days ago, and one of 150 days ago, that arrive after the client has read these days."""
    for days in (3, 150):
        day = (date(2026, 7, 15) - timedelta(days)).isoformat()
        assert arrived(sandbox, day).body == b""
        sandbox.add(NEW, {**event("Late", at=f"{day}T08:00:00Z"), "processed_at": "2026-07-15T12:00:01Z"})
        assert arrived(sandbox, day).body == b""
        sandbox.control("/clock", {"advance_seconds": 1})
        assert names(arrived(sandbox, day)) == ["Late"]
        sandbox.control("/clock", {"advance_seconds": -1})


@report("6")
def _empty_days(sandbox: Sandbox) -> None:
    """Five days in the middle without a row: 200 with an empty body."""
    sandbox.add(NEW, event(at="2026-06-01T01:00Z"), event(at="2026-06-07T01:00Z"))
    bodies = [arrived(sandbox, f"2026-06-{day:02}") for day in range(1, 8)]
    assert [len(found.lines) for found in bodies] == [1, 0, 0, 0, 0, 0, 1]
    assert {(found.status, found.body, found.ended) for found in bodies[1:6]} == {(200, b"", "whole")}


@report("8", "24c")
def _keys(sandbox: Sandbox) -> None:
    """One ``$insert_id`` for two names; a duplicate key; a missing ``$insert_id``: all of them are exported."""
    same = {"distinct_id": "u", "$insert_id": "i"}
    sandbox.add(NEW, {**event("A", **same), "copies": 2}, event("B", **same), event("A", distinct_id="u"))
    found = properties(arrived(sandbox))
    assert len(found) == 4
    assert sum("$insert_id" not in row for row in found) == 1


@report("9")
def _case(sandbox: Sandbox) -> None:
    """Names that differ only in case: together, and each alone."""
    sandbox.add(NEW, event(username=1, userName=2), event(username=3), event(userName=4))
    found = properties(arrived(sandbox))
    assert [row.keys() & {"username", "userName"} for row in found] == [
        {"username", "userName"},
        {"username"},
        {"userName"},
    ]


@report("13", "39")
def _edges(sandbox: Sandbox) -> None:
    """The last second of a day belongs to it, and a range of one day is exactly one day."""
    moments = [f"2026-05-31T23:59:59Z {DAY}T00:00:00Z {DAY}T23:59:59Z 2026-06-02T00:00:00Z".split()]
    sandbox.add(NEW, *[event(moment, at=moment) for moment in moments[0]])
    assert sorted(names(arrived(sandbox))) == [f"{DAY}T00:00:00Z", f"{DAY}T23:59:59Z"]


@report("14")
def _again(sandbox: Sandbox) -> None:
    """The same day again has the same bytes."""
    sandbox.add(NEW, *[event(distinct_id=f"u{n}") for n in range(20)])
    assert arrived(sandbox) == arrived(sandbox)


@report("16")
def _tomorrow(sandbox: Sandbox) -> None:
    """Tomorrow in the project's zone, but not in UTC."""
    sandbox.control("/clock", {"set": "2026-07-02T05:00:00Z", "freeze": True})
    sandbox.project(NEW, timezone="America/Los_Angeles")
    found = arrived(sandbox, "2026-07-02")
    assert (found.status, json.loads(found.body)) == (400, {"error": "to_date cannot be later than today"})
    assert arrived(sandbox, "2026-07-01").status == 200


@report("19")
def _unlisted(sandbox: Sandbox) -> None:
    """A property that no discovery ever lists."""
    sandbox.add(NEW, event(at="2026-07-14T10:00Z", **{"$insert_id": "i", "plan": "pro"}))
    params = {"project_id": NEW, "limit": 2000}
    listed = sandbox.get("/api/2.0/events/properties/top", params=params, auth=ACCOUNT).json()
    assert "plan" in listed and "$insert_id" not in listed
    assert properties(arrived(sandbox, "2026-07-14"))[0]["$insert_id"] == "i"


@report("26b")
def _milliseconds(sandbox: Sandbox) -> None:
    """Times in milliseconds, and a row without a user."""
    sandbox.add(NEW, event(at=1780308000123))
    [row] = properties(arrived(sandbox, time_in_ms="true"))
    assert row["time"] == 1780308000123
    assert "distinct_id" not in row


@report("29", "36")
def _wall_clock(sandbox: Sandbox) -> None:
    """An old project stores local time: an hour's difference between winter and summer."""
    sandbox.project(NEW, time_is="project_local", timezone="Europe/Berlin")
    sandbox.add(NEW, event(at="2026-01-15T12:00:00Z"), event(at="2026-06-15T12:00:00Z"))
    for day, hour in (("2026-01-15", 13), ("2026-06-15", 14)):
        [row] = properties(arrived(sandbox, day))
        assert datetime.fromtimestamp(row["time"], UTC).hour == hour
    sandbox.project(NEW, time_is="utc")
    sandbox.add(NEW, event("new", at="2026-06-16T12:00:00Z"))
    assert properties(arrived(sandbox, "2026-06-16"))[0]["time"] == 1781611200


@report("30")
def _digits(sandbox: Sandbox) -> None:
    numbers = [3928097563762691601, 2**53 + 1, 2**64, 10**30]
    sandbox.add(NEW, event(numbers=numbers))
    [line] = arrived(sandbox).lines
    assert b'"numbers":[' + b",".join(b"%d" % number for number in numbers) + b"]" in line


@report("32")
def _no_project(sandbox: Sandbox) -> None:
    found = arrived(sandbox, project_id=None)
    assert found.status == 401
    assert "invalid project secret" in json.loads(found.body)["error"]


@report("34")
def _sliced(sandbox: Sandbox) -> None:
    """Slices by ``where`` over an unchanged range hold every row once."""
    sandbox.add(NEW, *[event(distinct_id=f"u{n}", at=f"{DAY}T{n:02}:00:00Z") for n in range(24)])
    noon = 1780315200
    early = arrived(sandbox, where=f'properties["$time"]<datetime({noon})').lines
    late = arrived(sandbox, where=f'properties["$time"]>=datetime({noon})').lines
    assert (len(early), len(late)) == (12, 12)
    assert sorted(early + late) == sorted(arrived(sandbox).lines)


@report("40")
def _while_it_ran(sandbox: Sandbox) -> None:
    """A row that becomes visible between two requests although it was processed before the first one."""
    row = {**event(), "processed_at": "2026-07-15T11:00:00Z", "visible_at": "2026-07-15T12:00:30Z"}
    sandbox.add(NEW, row)
    until = 'properties["mp_processing_time_ms"] <= 1784116800000'
    assert arrived(sandbox, where=until).body == b""
    sandbox.control("/clock", {"advance_seconds": 60})
    assert len(arrived(sandbox, where=until).lines) == 1
    assert arrived(sandbox, where='properties["mp_processing_time_ms"] > 1784116800000').body == b""


@report("42")
def _kolkata(sandbox: Sandbox) -> None:
    """Half past eleven at night in UTC is the next day in India."""
    sandbox.control("/clock", {"set": "2026-07-15T23:30:00Z", "freeze": True})
    assert arrived(sandbox, "2026-07-16").status == 400
    sandbox.project(NEW, timezone="Asia/Kolkata")
    assert arrived(sandbox, "2026-07-16").status == 200


@report("43")
def _gap(sandbox: Sandbox) -> None:
    """A skipped wall-clock time: half past two when the clocks went forward."""
    sandbox.project(NEW, time_is="project_local", timezone="America/Los_Angeles")
    sandbox.add(NEW, {"event": "E", "properties": {"time": 1520735400}})
    assert properties(arrived(sandbox, "2018-03-11"))[0]["time"] == 1520735400


@report("times")
def _times(sandbox: Sandbox) -> None:
    """A ``time`` that is a float, a text, in milliseconds, or missing: lines that are sent unchanged."""
    own = b'"distinct_id":"u","mp_processing_time_ms":1780308000000}}'
    odd = [b'"time":1780308000.5,', b'"time":"1780308000",', b'"time":1780308000000,', b""]
    lines = [b'{"event":"E","properties":{' + each + own for each in odd]
    sandbox.add(NEW, *[{"line": line.decode(), "at": DAY} for line in [*lines, b""]])
    assert sorted(arrived(sandbox).lines) == sorted([*lines, b""])
