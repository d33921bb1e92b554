"""Responses that Mixpanel's reference documents or that clients reported, and the outcome for the day.

``A``: the errors of the export API, docs.mixpanel.com/reference/raw-event-export. ``F``: forms of a day that broke
other clients. ``N``: faults of the network.
"""

from __future__ import annotations

from include.errors import (
    AccessDenied,
    CredentialsRejected,
    ExportTerminatedEarly,
    HistoryExceeded,
    NotAnExport,
    PartitionNotClosed,
    RedirectRefused,
    RequestRefused,
    ServiceUnavailable,
    Throttled,
    TruncatedExport,
    WrongProject,
)
from tests.failures.execution import SECRETS
from tests.failures.failure import (
    CANARY_BODY,
    NOON,
    Elsewhere,
    alter,
    answer,
    cut,
    drop,
    event,
    html,
    line,
    sentinel,
)
from tests.failures.mixpanel_failure import MixpanelFailure as Row

NUMBERS = (
    *(f"A{n}" for n in range(1, 13)),
    *(f"F{n}" for n in range(1, 17)),
    *(f"N{n}" for n in range(1, 9)),
)
_DOCS, _SEEN = "docs.mixpanel.com/reference/raw-event-export", "seen with other clients"
_USED_UP = (
    '{"request":"/x","error":"Query rate limit exceeded for project_id: 1. 1/5 queries running concurrently and 61/60 queries '
    'running in the last hour."}'
)
_ROW = b'{"event":"A","properties":{"time":%d,"distinct_id":"u","$insert_id":"%s"%s}}'


def _raw(insert_id: str, time: bytes = b"%d" % NOON, more: bytes = b"") -> dict[str, str]:
    return dict(line(_ROW.replace(b"%d", time) % (insert_id.encode(), more)))


ROWS: tuple[Row | Elsewhere, ...] = (
    Row("A1", _DOCS, (answer(400, None, body="to_date cannot be later than today"),), (PartitionNotClosed,), succeeds=False,
        says="2025-06-10 is still in the future .* Compare mixpanel.timezone", exported=None),
    Row("A1/JSON", _DOCS, (answer(400, None, body_json={"error": "to_date cannot be later than today"}),), (PartitionNotClosed,),
        succeeds=False, says="still in the future", exported=None),
    Row("A2", _DOCS, project={"accounts": [{"username": "test.mp-service-account", "secret": SECRETS["mixpanel"],
        "expires": "2025-01-01T00:00:00Z"}]}, raises=(CredentialsRejected,), succeeds=False, says="has not expired", exported=None),
    Row("A3", _DOCS, project={"region": "in"}, connection={"extra": {"region": "us"}}, raises=(WrongProject,), succeeds=False, exported=None,
        says="is not in region us.*Set the region of the connection to eu or in"),
    Row("A4", _DOCS, source_settings={"where": "properties[("}, raises=(RequestRefused,), succeeds=False, exported=None,
        says=r"refused to export 2025-06-10 \(HTTP 400\).*mixpanel.where"),
    Row("A4/a year", _DOCS, (answer(400, None, body="invalid date, bad year"),), (RequestRefused,), succeeds=False, exported=None,
        says="mixpanel.events and mixpanel.where"),
    Row("A5", _DOCS, connection={"password": "canary-secret-mixpanel-old"}, raises=(CredentialsRejected,), succeeds=False,
        says="service account of connection mixpanel_hostile", exported=None),
    Row("A6", _DOCS, (answer(402, None, body_json={"error": "plan"}),), (AccessDenied,), succeeds=False, says="The plan of",
        exported=None),
    Row("A7", _DOCS, project={"accounts": [{"username": "test.mp-service-account", "secret": SECRETS["mixpanel"],
        "role": "no_export"}]}, raises=(AccessDenied,), succeeds=False, says="Grant its role access", exported=None),
    Row("A7/history", _DOCS, (answer(403, None, body="Date range exceeds 90 days into the past"),), (HistoryExceeded,),
        succeeds=False, says="does not reach back far enough.*start_date", exported=None),
    Row("A7/page", _DOCS, (answer(403, None, body=f"<html>{CANARY_BODY}</html>"),), (AccessDenied,), succeeds=False, exported=None),
    Row("A8", _DOCS, (answer(429, 3, body=_USED_UP),), requests=4, waits=(17, 29)),
    Row("A8/retry-after of half an hour", _DOCS, (answer(429, 2, body=_USED_UP, retry_after=1800),), (Throttled, Throttled),
        says="continues automatically", requests=3, waits=(0, 0)),
    Row("A8/counted by the sandbox", _DOCS, project={"limits": {"enabled": True, "concurrent": 0, "retry_after": True}},
        raises=(Throttled,), succeeds=False, says="60 exports an hour", requests=6, waits=(5, 60), exported=None),
    *(Row(f"A9/{status}", _DOCS, (answer(status, 5),), requests=6, waits=(67, 87)) for status in (500, 502, 503, 504)),
    *(Row(f"A9/{status} for long", _DOCS, (answer(status, None),), (ServiceUnavailable,) * 2, succeeds=False, requests=12,
          says=rf"HTTP {status}\).*Run the task again", exported=None) for status in (408, 500, 502, 503, 504, 599)),
    Row("A10", _DOCS, (sentinel("TERMINATED EARLY"),), (ExportTerminatedEarly,), requests=2),
    Row("A10/a list", _DOCS, (sentinel('["terminated early"]'),), (ExportTerminatedEarly,), requests=2),
    Row("A11", _DOCS, (answer(200, body_json={"error": CANARY_BODY}),), (NotAnExport,), requests=2),
    Row("A11/page", _DOCS, (html(),), (NotAnExport,), says="a web page instead of events.*login page", requests=2),
    Row("A11/another form", _DOCS, (answer(200, body_json=[event()]),), (NotAnExport,), requests=2),
    Row("A11/a part", _DOCS, (answer(206, body='{"event":"A","properties":{}}'),), (NotAnExport,), says="HTTP 206", requests=2),
    Row("A12", _DOCS, (drop(),), requests=2),
    Row("A12/for long", _DOCS, (drop(None),), (ServiceUnavailable,), succeeds=False, requests=6, says="could not be reached",
        exported=None),
    Row("A12/in a chunk", _DOCS, (cut(framing="chunked"),), (TruncatedExport,), says="broke after", requests=2),
    Row("A12/before its length", _DOCS, (cut(framing="content-length"),), (TruncatedExport,), says="IncompleteRead|Protocol",
        requests=2),

    Row("F1", _SEEN, (cut(before_end_bytes=8, encoding="gzip", framing="content-length", honest=True),), (TruncatedExport,),
        says="its gzip data is incomplete", requests=2),
    Row("F2", _SEEN, (alter("gzip_members"),), holds=tuple(event(f"E{n}") for n in range(40)), exported=40),
    Row("F3", _SEEN, (cut(after_lines=2, framing="close"),), (TruncatedExport,), says="does not state its length", requests=2),
    Row("F3/in gzip", _SEEN, (cut(encoding="gzip", framing="close", before_end_bytes=0),), (TruncatedExport,),
        says="does not state its length.*proxy", requests=2),
    Row("F4", _SEEN, (alter("no_final_newline"),)),
    Row("F5", _SEEN, holds=(_raw("a", b"%d.75" % NOON), _raw("b", b"%de0" % NOON)), exported=2, active=2,
        instants=("2025-06-10T12:00:00Z", "2025-06-10T12:00:00.750Z")),
    Row("F6+F7+F8+F9", _SEEN, holds=(_raw("a", b'"%d"' % NOON), _raw("a", b"%d000" % NOON), event(),
        dict(line(b'{"event":"A","properties":{"distinct_id":"u"}}')), dict(line(b'{"event":"A\xff","properties":{}}'))), exported=5,
        active=1, quarantined={"time_is_not_a_number": 1, "time_is_not_in_seconds": 1, "time_missing": 1, "not_utf8": 1}),
    Row("F10", _SEEN, holds=(), exported=0, active=0),
    Row("F11", _SEEN, holds=(event("A", **{"$insert_id": "x"}) | {"copies": 3}, event()), exported=4, active=2, duplicates=2),
    Row("F12", _SEEN, (alter("bom"),)),
    Row("F13", _SEEN, (alter("crlf"),)),
    Row("F14", _SEEN, (alter("blank_lines"),)),
    Row("F15+F16", _SEEN, holds=(*(dict(line(text)) for text in (b"99", b"[1]", b"null", b"{}", b'{"event":"A"}', b'{"event":"A","proper',
        b'{"event":1,"properties":{}}', b'{"event":"A","properties":[]}')),
        _raw("a", more=b',"x":NaN'), _raw("b", more=b',"x":1e400'), _raw("c", more=b',"x":1,"x":2'),
        _raw("d", more=b',"x":"\\ud800"'), _raw("e", more=b',"big":"' + b"x" * 1_200_000 + b'"'),
        _raw("f", more=b',"deep":' + b"[" * 100 + b"]" * 100), event()), exported=15, active=2,
        quarantined={"not_an_event": 7, "not_json": 3, "duplicate_key": 1, "row_too_large": 1, "nested_too_deep": 1}),

    *(Row(f"N1/{status}", _DOCS, ({"action": {"do": "redirect", "status": status}, "times": None},), (RedirectRefused,),
          succeeds=False, says="it was not followed", exported=None) for status in (301, 302, 303, 307, 308)),
    *(Row(f"N2/{status}", _SEEN, (answer(status, None, echo_authorization=True),), (error,), succeeds=False, requests=count,
          exported=None) for status, error, count in ((401, CredentialsRejected, 1), (500, ServiceUnavailable, 6))),
    Row("N2/200", _SEEN, (answer(200, body="<p>", echo_authorization=True),), (NotAnExport,), requests=2),
    Row("N3", _SEEN, (drop(after=True),), requests=2),
    Elsewhere("N4", _SEEN, "test_a_very_slow_stream_times_out"),
    Row("N5", _SEEN, (cut(after_bytes=0, framing="content-length"),), requests=2),
    Row("N6", _SEEN, (answer(200, headers={"Content-Encoding": "br"}),), (NotAnExport,), says="Content-Encoding", requests=2),
    Row("N7", _SEEN, (answer(200, headers={"Content-Encoding": "gzip"}),), (TruncatedExport,), says="gzip data is invalid", requests=2),
    Row("N8", _SEEN, (answer(404, None), answer(401, None)), (RequestRefused,), succeeds=False, says="HTTP 404", exported=None),
)  # fmt: skip
