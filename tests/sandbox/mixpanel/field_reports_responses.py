"""Reports about responses: statuses, limits, truncated bodies and unusual forms."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from datetime import date, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from tests.support.sandbox.field_report import (
    DAY,
    EXPORT,
    NEW,
    SHOP,
    arrived,
    event,
    report,
)
from tests.support.sandbox.http_client import ACCOUNT, Sandbox


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


@report("11")
def _too_many(sandbox: Sandbox) -> None:
    """429 with and without Retry-After: seconds, a date, zero, a day, garbage."""
    for given in (None, 7, 0, 99_999, "soon", "date+30"):
        action = {"do": "answer", "status": 429, "body_json": {"error": "x"}, "retry_after": given}
        sandbox.fault(action, match=EXPORT)
        found = arrived(sandbox)
        reported = found.headers.get("retry-after")
        assert found.status == 429
        if given == "date+30":
            assert 25 < parsedate_to_datetime(str(reported)).timestamp() - time.time() < 31
        else:
            assert reported == (None if given is None else str(given))


@report("12")
def _reset(sandbox: Sandbox) -> None:
    sandbox.add(NEW, {**event(), "copies": 50})
    sandbox.fault({"do": "cut", "after_bytes": 1000, "end": "reset", "encoding": "identity"}, match=EXPORT)
    found = arrived(sandbox)
    assert (found.ended, len(found.body)) == ("reset", 1000)


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


@report("27")
def _busy(sandbox: Sandbox) -> None:
    """As text, and with the documented JSON."""
    text = "too many export requests in progress for this project"
    sandbox.fault({"do": "answer", "status": 429, "body": text}, match=EXPORT)
    found = arrived(sandbox)
    assert (found.status, found.headers["content-type"], found.body) == (429, "text/plain", text.encode())
    sandbox.project(NEW, limits={"enabled": True, "concurrent": 0})
    assert json.loads(arrived(sandbox).body) == {"error": text}


@report("37")
def _half_closed(sandbox: Sandbox) -> None:
    """A chunk that ends too early, and a socket closed on one side only."""
    sandbox.add(NEW, {**event(), "copies": 9})
    for end in ("close", "half-close"):
        sandbox.fault({"do": "cut", "after_bytes": 100, "end": end}, match=EXPORT)
        found = arrived(sandbox)
        assert (found.ended, len(found.body)) == ("cut", 100)


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
