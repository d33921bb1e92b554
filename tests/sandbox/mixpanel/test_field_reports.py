"""Problems that users of Mixpanel's export reported: how the sandbox reproduces each, and what a client receives.

The numbers are those of the list of reports; a bare socket reads the responses (``tests/support/sandbox/raw_socket.py``).
"""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.http_client import ACCOUNT, Sandbox
from tests.support.sandbox.raw_socket import RawResponse, ask

pytestmark = pytest.mark.sandbox

HOSTILE, SHOP, NEW = data.HOSTILE_PROJECT_ID, data.SHOP_PROJECT_ID, 4000001
DAY = "2026-06-01"
EXPORT = {"path": "/api/2.0/export"}


def arrived(
    sandbox: Sandbox, first: str = DAY, last: str = "", *, seconds: float = 5, headers: str = "", **query: Any
) -> RawResponse:
    """Return an export of the test's project."""
    asked = {"project_id": NEW, "from_date": first, "to_date": last or first, **query}
    target = "/api/2.0/export?" + urlencode(
        {name: value for name, value in asked.items() if value is not None}
    )
    return ask(sandbox, target, seconds=seconds, headers=headers)


def event(name: str = "E", at: str | int = f"{DAY}T10:00:00Z", **properties: Any) -> dict[str, Any]:
    return {"event": name, "at": at, "properties": properties}


def names(found: RawResponse) -> list[str]:
    return [json.loads(line)["event"] for line in found.lines]


def properties(found: RawResponse) -> list[dict[str, Any]]:
    return [json.loads(line)["properties"] for line in found.lines]


Report = Callable[[Sandbox], None]
REPORTS: dict[str, Report] = {}


def report(*numbers: str) -> Callable[[Report], Report]:
    def add(check: Report) -> Report:
        REPORTS.update(dict.fromkeys(numbers, check))
        return check

    return add


@pytest.fixture
def new(sandbox: Sandbox) -> Sandbox:
    """An empty project on a July day of 2026, and a client with all permissions."""
    sandbox.control("/clock", {"set": "2026-07-15T12:00:00Z", "freeze": True})
    account = {"username": ACCOUNT[0], "secret": ACCOUNT[1]}
    sandbox.project(NEW, accounts=[account], limits={"enabled": False})
    return sandbox


ALL = [
    *[str(number) for number in range(1, 48)],
    *["24b", "24c", "26b"],
    *["gzip", "ends", "times", "refused", "redirect", "html"],
]


@pytest.mark.parametrize("number", ALL)
def test_a_report_can_be_reproduced(new: Sandbox, number: str) -> None:
    REPORTS[number](new)


def test_every_report_has_a_reproduction() -> None:
    assert set(REPORTS) == set(ALL)


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


@report("7", "10", "33")
def _large(sandbox: Sandbox) -> None:
    """More than fits into memory: it is streamed, and the service is not ahead of its reader."""
    sandbox.project(SHOP, scale=50)
    query = {"project_id": SHOP, "from_date": DAY, "to_date": DAY}
    with sandbox.get("/api/2.0/export", params=query, auth=ACCOUNT, stream=True) as answer:
        assert next(answer.raw.stream(1000))
    deadline = time.monotonic() + 10
    while not (entries := sandbox.transcript(service="mixpanel")) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert entries[0]["whole"] is False
    assert entries[0]["rows"] < 100_000


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


@report("11")
def _too_many(sandbox: Sandbox) -> None:
    """429 with and without Retry-After: seconds, a date, zero, a day, garbage."""
    for given in (None, 7, 0, 99_999, "soon", "date+30"):
        action = {"do": "answer", "status": 429, "body_json": {"error": "x"}, "retry_after": given}
        sandbox.fault(action, match=EXPORT)
        found = arrived(sandbox)
        told = found.headers.get("retry-after")
        assert found.status == 429
        if given == "date+30":
            assert 25 < parsedate_to_datetime(str(told)).timestamp() - time.time() < 31
        else:
            assert told == (None if given is None else str(given))


@report("12")
def _reset(sandbox: Sandbox) -> None:
    sandbox.add(NEW, {**event(), "copies": 50})
    sandbox.fault({"do": "cut", "after_bytes": 1000, "end": "reset", "encoding": "identity"}, match=EXPORT)
    found = arrived(sandbox)
    assert (found.ended, len(found.body)) == ("reset", 1000)


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


@report("17", "31")
def _region(sandbox: Sandbox) -> None:
    sandbox.project(NEW, region="eu")
    found = arrived(sandbox, headers="x-original-host: data.mixpanel.com\r\n")
    assert found.status == 400
    assert json.loads(found.body)["error"] == "request failed with error: invalid project id for cluster."
    assert arrived(sandbox, headers="x-original-host: data-eu.mixpanel.com\r\n").status == 200


@report("18")
def _plan(sandbox: Sandbox) -> None:
    """Without the Query API, the export works."""
    sandbox.project(NEW, query_api=False)
    for path in ("/api/query/cohorts/list", "/api/2.0/engage", "/api/2.0/events/properties/top"):
        assert sandbox.get(path, params={"project_id": NEW}, auth=ACCOUNT).status_code == 402
    assert arrived(sandbox).status == 200


@report("19")
def _unlisted(sandbox: Sandbox) -> None:
    """A property that no discovery ever lists."""
    sandbox.add(NEW, event(at="2026-07-14T10:00Z", **{"$insert_id": "i", "plan": "pro"}))
    params = {"project_id": NEW, "limit": 2000}
    listed = sandbox.get("/api/2.0/events/properties/top", params=params, auth=ACCOUNT).json()
    assert "plan" in listed and "$insert_id" not in listed
    assert properties(arrived(sandbox, "2026-07-14"))[0]["$insert_id"] == "i"


@report("20", "44")
def _in_the_middle(sandbox: Sandbox) -> None:
    """The second of three requests fails; the response to the third is lost although Mixpanel processed it."""
    sandbox.add(NEW, event())
    sandbox.fault({"do": "answer", "status": 502}, match=EXPORT, skip=1)
    sandbox.fault({"do": "drop", "after": True}, match=EXPORT, skip=2)
    assert [arrived(sandbox).status for _ in range(2)] == [200, 502]
    assert arrived(sandbox).ended == "reset"
    assert len(sandbox.control("/mixpanel/exports", method="GET")) == 1


@report("21")
def _count(sandbox: Sandbox) -> None:
    """Sent lines are recorded, to be compared with what a client has."""
    sandbox.add(NEW, *[event(distinct_id=f"u{n}", text="\u2028") for n in range(30)])
    found = arrived(sandbox)
    assert [entry["line"].encode() for entry in sandbox.returned(project_id=NEW)] == found.lines


@report("22", "28")
def _terminated(sandbox: Sandbox) -> None:
    """All spellings, with and without a line feed, plain and gzipped; and an error with status 200."""
    sandbox.add(NEW, {**event(), "copies": 5})
    rows = arrived(sandbox).body
    for text in ("terminated early", "export terminated early", "[terminated early]"):
        for newline in (True, False):
            for encoding in ("identity", "gzip"):
                action = {"do": "sentinel", "text": text, "newline": newline, "encoding": encoding}
                sandbox.fault(action, match=EXPORT)
                found = arrived(sandbox)
                body = gzip.decompress(found.body) if encoding == "gzip" else found.body
                assert (found.status, found.ended) == (200, "whole")
                assert body == rows + text.encode() + b"\n" * newline
    for dressed in ({"body_json": {"error": "x"}}, {"body": "Api error: x"}):
        sandbox.fault({"do": "answer", "status": 200, **dressed}, match=EXPORT)
        assert arrived(sandbox).status == 200


@report("23")
def _hour(sandbox: Sandbox) -> None:
    """Ninety day-slices against sixty an hour."""
    sandbox.project(NEW, limits={"enabled": True, "per_second": None})
    days = [(date(2026, 4, 1) + timedelta(n)).isoformat() for n in range(90)]
    assert [arrived(sandbox, day).status for day in days] == [200] * 60 + [429] * 30


@report("24", "38")
def _silence(sandbox: Sandbox) -> None:
    """No status for longer than a client's timeout; or a status and no body."""
    sandbox.fault({"do": "delay", "delay_seconds": 0.5}, match=EXPORT)
    assert arrived(sandbox, seconds=0.2).ended == "open"
    sandbox.fault({"do": "hang", "after_bytes": 0}, match=EXPORT)
    found = arrived(sandbox, seconds=0.2)
    assert (found.status, found.body, found.ended) == (200, b"", "open")


@report("24b", "35", "46")
def _profiles(sandbox: Sandbox) -> None:
    """Pages of profiles: lost parameters, too many readers, and several pages."""
    people = [{"distinct_id": f"u{n}", "properties": {"n": n}} for n in range(30)]
    sandbox.control(f"/mixpanel/projects/{NEW}/profiles", {"items": people})
    sandbox.project(NEW, engage_page_size=10)
    asked = {"project_id": NEW, "where": 'properties["n"] >= 5'}

    def page(**more: Any) -> requests.Response:
        return sandbox.get("/api/2.0/engage", params={**asked, **more}, auth=ACCOUNT)

    first = page().json()
    pages = [page(session_id=first["session_id"], page=n).json()["results"] for n in range(3)]
    assert [len(rows) for rows in pages] == [10, 10, 5]
    asked.pop("where")
    assert page(session_id=first["session_id"], page=1).status_code == 400
    sandbox.project(NEW, query_limits={"concurrent": 0})
    assert page(session_id=first["session_id"], page=1).status_code == 429


@report("25")
def _windows(sandbox: Sandbox) -> None:
    """Requested days are recorded: overlapping windows are visible."""
    arrived(sandbox, "2026-06-05", "2026-06-06")
    arrived(sandbox, "2026-06-06", "2026-06-07")
    asked = sandbox.control("/mixpanel/exports", method="GET")
    assert [(each["from_date"], each["to_date"]) for each in asked] == [
        ("2026-06-05", "2026-06-06"),
        ("2026-06-06", "2026-06-07"),
    ]


@report("26")
def _cut(sandbox: Sandbox) -> None:
    """Inside a chunk, after one line, and after all lines but one."""
    sandbox.add(NEW, *[event(distinct_id=f"u{n}") for n in range(5)])
    lines = arrived(sandbox).lines
    sandbox.fault({"do": "cut", "after_bytes": 237, "inside_chunk": True}, match=EXPORT)
    found = arrived(sandbox)
    assert (found.ended, found.body) == ("inside", b"\n".join(lines)[:237])
    for count in (1, 4):
        for honest, ended in ((False, "cut"), (True, "whole")):
            sandbox.fault({"do": "cut", "after_lines": count, "honest": honest}, match=EXPORT)
            found = arrived(sandbox)
            assert (found.ended, found.lines) == (ended, lines[:count])


@report("26b")
def _milliseconds(sandbox: Sandbox) -> None:
    """Times in milliseconds, and a row without a user."""
    sandbox.add(NEW, event(at=1780308000123))
    [row] = properties(arrived(sandbox, time_in_ms="true"))
    assert row["time"] == 1780308000123
    assert "distinct_id" not in row


@report("27")
def _busy(sandbox: Sandbox) -> None:
    """As text, and with the documented JSON."""
    text = "too many export requests in progress for this project"
    sandbox.fault({"do": "answer", "status": 429, "body": text}, match=EXPORT)
    found = arrived(sandbox)
    assert (found.status, found.headers["content-type"], found.body) == (429, "text/plain", text.encode())
    sandbox.project(NEW, limits={"enabled": True, "concurrent": 0})
    assert json.loads(arrived(sandbox).body) == {"error": text}


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


@report("37")
def _half_closed(sandbox: Sandbox) -> None:
    """A chunk that ends too early, and a socket closed on one side only."""
    sandbox.add(NEW, {**event(), "copies": 9})
    for end in ("close", "half-close"):
        sandbox.fault({"do": "cut", "after_bytes": 100, "end": end}, match=EXPORT)
        found = arrived(sandbox)
        assert (found.ended, len(found.body)) == ("cut", 100)


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


@report("41")
def _every_byte(sandbox: Sandbox) -> None:
    """The last line truncated at every byte, with a framing that hides it."""
    sandbox.add(NEW, event("A"), event("B"))
    whole = arrived(sandbox).body
    for count in range(1, len(whole.split(b"\n")[1]) + 2):
        action = {"do": "cut", "before_end_bytes": count, "honest": True}
        sandbox.fault(action, match=EXPORT)
        found = arrived(sandbox)
        assert (found.ended, found.body) == ("whole", whole[:-count])


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


@report("47")
def _server(sandbox: Sandbox) -> None:
    text = "error completing export request"
    for status in (500, 502, 503, 504):
        sandbox.fault({"do": "answer", "status": status, "body": text}, match=EXPORT)
        found = arrived(sandbox)
        assert (found.status, found.body, found.ended) == (status, text.encode(), "whole")


@report("gzip")
def _gzip(sandbox: Sandbox) -> None:
    """Without its trailer; in several members; truncated with each kind of framing."""
    sandbox.add(NEW, *[event(distinct_id=f"u{n}", text="x" * n) for n in range(50)])
    rows = arrived(sandbox).body
    asked = "accept-encoding: gzip\r\n"
    for framing, ended in (("chunked", "whole"), ("content-length", "whole"), ("close", "closed")):
        action = {"do": "cut", "before_end_bytes": 8, "honest": True, "framing": framing}
        sandbox.fault(action, match=EXPORT)
        found = arrived(sandbox, headers=asked)
        reader = zlib.decompressobj(wbits=31)
        assert (found.headers["content-encoding"], found.ended) == ("gzip", ended)
        assert reader.decompress(found.body) == rows and not reader.eof
        action = {"do": "cut", "after_bytes": 300, "framing": framing, "encoding": "gzip"}
        sandbox.fault(action, match=EXPORT)
        cut = arrived(sandbox, headers=asked)
        assert (len(cut.body), cut.ended) == (300, "closed" if framing == "close" else "cut")
    sandbox.fault({"do": "alter", "how": "gzip_members"}, match=EXPORT)
    packed = arrived(sandbox, headers=asked).body
    reader = zlib.decompressobj(wbits=31)
    assert len(reader.decompress(packed)) < len(rows) and reader.unused_data
    assert gzip.decompress(packed) == rows


@report("ends")
def _ends(sandbox: Sandbox) -> None:
    """A body that ends with the connection, complete or not; no final line feed; unusual line ends; invalid UTF-8."""
    sandbox.add(NEW, event("A"), event("B"))
    rows = arrived(sandbox).body
    sandbox.fault({"do": "cut", "before_end_bytes": 9, "framing": "close"}, match=EXPORT)
    assert arrived(sandbox)[2:] == (rows[:-9], "closed")
    odd = {
        "close_delimited": rows,
        "content_length": rows,
        "no_final_newline": rows[:-1],
        "bom": b"\xef\xbb\xbf" + rows,
        "crlf": rows.replace(b"\n", b"\r\n"),
        "blank_lines": b"\n" + rows.replace(b"\n", b"\n\n"),
        "invalid_utf8": rows.replace(b'"A"', b'"\xff\xfeA"'),
    }
    for how, body in odd.items():
        sandbox.fault({"do": "alter", "how": how}, match=EXPORT)
        found = arrived(sandbox)
        assert (found.body, found.ended) == (body, "closed" if how == "close_delimited" else "whole"), how
    sandbox.fault({"do": "drip", "bytes_at_a_time": len(rows) // 4, "every_seconds": 0.01}, match=EXPORT)
    assert arrived(sandbox)[2:] == (rows, "whole")


@report("times")
def _times(sandbox: Sandbox) -> None:
    """A ``time`` that is a float, a text, in milliseconds, or missing: lines that are sent unchanged."""
    own = b'"distinct_id":"u","mp_processing_time_ms":1780308000000}}'
    odd = [b'"time":1780308000.5,', b'"time":"1780308000",', b'"time":1780308000000,', b""]
    lines = [b'{"event":"E","properties":{' + each + own for each in odd]
    sandbox.add(NEW, *[{"line": line.decode(), "at": DAY} for line in [*lines, b""]])
    assert sorted(arrived(sandbox).lines) == sorted([*lines, b""])


@report("refused")
def _refused(sandbox: Sandbox) -> None:
    for status in (401, 403, 402):
        sandbox.fault({"do": "answer", "status": status, "body_json": {"error": "no"}}, match=EXPORT)
        assert arrived(sandbox).status == status
    sandbox.project(NEW, accounts=[{"username": ACCOUNT[0], "secret": ACCOUNT[1], "role": "no_export"}])
    assert arrived(sandbox).status == 403


@report("redirect")
def _redirect(sandbox: Sandbox) -> None:
    sandbox.fault({"do": "redirect", "status": 307, "to": "https://elsewhere.invalid/"}, match=EXPORT)
    found = arrived(sandbox)
    assert (found.status, found.headers["location"]) == (307, "https://elsewhere.invalid/")


@report("html")
def _html(sandbox: Sandbox) -> None:
    for status in (200, 503):
        sandbox.fault({"do": "answer", "status": status, "body": "<html>busy</html>"}, match=EXPORT)
        found = arrived(sandbox)
        assert (found.status, found.headers["content-type"], found.body) == (
            status,
            "text/html",
            b"<html>busy</html>",
        )
