"""E: the export from Mixpanel."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tests.failures.failure import CANARY_BODY, alter, answer, cut, html, sentinel
from tests.faults.case import ALL_OF_IT, Act, Case, Do, Elsewhere, Go, Json, add, dies, fault, three
from tests.faults.chaos.faults import no_names
from tests.faults.chaos.observe import (
    EXPORT,
    all_of,
    asked,
    counted,
    made,
    outputs,
    refused,
    rows,
    silent_about,
    unmapped,
)
from tests.faults.checker import EXACT, compared
from tests.faults.observation import LakeKind
from tests.faults.process_run import Run
from tests.faults.scenario import NOON, Scenario, event

_CUT = "again:TruncatedExport"
_NOTHING: dict[str, Any] = {"active": 0, "batches": 0}
_MISSING: dict[str, Any] = {**_NOTHING, "lost": 3}
"""Nothing is loaded, and Mixpanel has the day."""
_ROW = '{"event":"A","properties":{"time":%d,"distinct_id":"u","$insert_id":"%s"%s}}'
_MANY = tuple(event(f"E{n % 7}", key=f"many-{n}") for n in range(400))
_ODD = "a\u2028b\u0085c\u2029d\u0000e\u000bf"


def line(text: str | bytes) -> Json:
    """Return a line of the day's export that is sent exactly as given."""
    content = text.encode() if isinstance(text, str) else text
    moment = {"at": NOON * 1000, "processed_at": NOON * 1000 + 7_200_000}
    return {"line_base64": base64.b64encode(content).decode(), **moment}


def with_more(key: str, more: str) -> Json:
    """Return an event whose properties end with ``more``."""
    return line(_ROW % (NOON, key, f",{more}"))


def exporting(planned: Json) -> Do:
    """Apply ``planned`` to export requests only."""
    return fault({"match": EXPORT, **planned})


def connection(**fields: Any) -> Do:
    """Change fields of the Mixpanel connection; None removes a field."""

    def change(scenario: Scenario) -> None:
        kept = {**scenario.where.connection, **fields}
        scenario.change(connection={name: value for name, value in kept.items() if value is not None})

    return Do(f"the connection changes: {', '.join(fields)}", change)


def _storm(scenario: Scenario) -> None:
    own = {**EXPORT, "query": f"project_id={scenario.project_id}&"}
    scenario.fault({"match": own, **answer(429, 12)})


def _another_pipeline_is_green(scenario: Scenario) -> None:
    other = scenario.stage.scenario(f"{scenario.folder.name} and another")
    other.add(*three())
    assert str(other.tried(Run())) == "green"
    assert (compared(other), len(other.active())) == (EXACT, 3)
    other.discard()


def _deleted(scenario: Scenario) -> None:
    scenario.stage.post(
        f"/mixpanel/projects/{scenario.project_id}/deletions", {"insert_ids": ["i-Added-2026-07-01"]}
    )


def _region(scenario: Scenario) -> None:
    scenario.stage.post("/mixpanel/projects", {"id": scenario.project_id, "region": "eu"})


def _redirected(scenario: Scenario) -> None:
    scenario.fault({"match": EXPORT, "action": {"do": "redirect", "to": f"{scenario.stage.url}/elsewhere"}})


def _nobody_went_elsewhere(scenario: Scenario) -> None:
    assert scenario.stage.get("/transcript", path="/elsewhere")["entries"] == []


def _odd_values_are_kept(scenario: Scenario) -> None:
    odd = [row for row in rows(scenario) if row["eventType"].startswith("Odd")]
    assert [row["eventType"] for row in odd] == ["Odd\u2028event"]
    kept = unmapped(odd[0])
    assert (kept["text"], kept["naïve\u0085"]) == (_ODD, ["\u2029"])


def _large_numbers_are_kept(scenario: Scenario) -> None:
    assert _kept(scenario, "big") == [2**63]
    assert _kept(scenario, "huge") == ["1e400"]


def _the_number_is_left_out(scenario: Scenario) -> None:
    assert _kept(scenario, "amount") == ["1e400"]
    (left_out,) = made(scenario, "transform").details["not_converted"].items()
    assert left_out == ("_acmesandbox.mixpanel.amount", 1)


def _kept(scenario: Scenario, name: str) -> list[object]:
    """What rows contain of a property in addition to the mapped fields."""
    return [unmapped(row)[name] for row in rows(scenario) if name in unmapped(row)]


def _cut(number: str, name: str, planned: Json, says: str, **more: Any) -> Case:
    """A response is incomplete: nothing of it is published, and the next try is green."""
    acts = (exporting(planned), Go(ends=_CUT, says=says))
    check = all_of(asked(2), outputs("export", 1))
    return Case(f"{number}/{name}", f"the answer is cut: {name}", "TruncatedExport; green after retry", acts,
                check=check, ledger=ALL_OF_IT, **more)  # fmt: skip


def _refused(id: str, planned: Json, error: str, says: str, fault: str, expected: str) -> Case:
    """A response that another try does not change: red at once, after one request."""
    acts = (exporting({**planned, "times": None}), Go(ends=f"red:{error}", says=says))
    check = all_of(asked(2), silent_about(CANARY_BODY))
    return Case(id, fault, expected, acts, finally_=f"red:{error}", check=check, **_MISSING)


def _killed(lake: LakeKind) -> tuple[Case, ...]:
    variant = "" if lake == "disk" else f"/{lake}"
    again, once = (all_of(asked(n), outputs("export", 1)) for n in (2, 1))
    drip = exporting({"action": {"do": "drip", "bytes_at_a_time": 100, "every_seconds": 0.02}})
    rows: tuple[tuple[str, str, str, tuple[Act, ...], Callable[[Scenario], None]], ...] = (
        ("E01", "kill -9 before the request", "retry exports again; one raw object", (dies("export.before"),), once),
        ("E02", "kill -9 in mid stream", "nothing is in the lake; retry green", (drip, dies("export.piece", 3)), again),
        ("E03", "kill -9 after raw upload, before its manifest", "retry exports again, to the same key; one manifest",
         (dies("manifest.export.before"),), again),
        ("E04", "kill -9 after the manifest, before task success", "retry finds the manifest and makes no request",
         (dies("manifest.export.after"),), once),
    )  # fmt: skip
    return tuple(
        Case(f"{number}{variant}", fault, expected, acts, check=check, lake=lake, ledger=ALL_OF_IT)
        for number, fault, expected, acts, check in rows
    )


CASES: tuple[Case | Elsewhere, ...] = (
    *_killed("disk"),
    *_killed("s3"),
    Case("E03/a late event between the tries", "as E03, and the next export has other content",
         "retry publishes another hash; one manifest, the first file is unreferenced",
         (dies("manifest.export.before"), add(event(key="late"))), active=4, left=frozenset({"raw"}),
         check=all_of(asked(2), outputs("export", 1))),
    _cut("E05", "gzip without its trailer, with a right Content-Length",
         cut(before_end_bytes=8, encoding="gzip", framing="content-length", honest=True), "its gzip data is incomplete"),
    _cut("E05", "140 of 400 rows", cut(encoding="gzip", framing="content-length", honest=True), "gzip", events=_MANY, active=400),
    _cut("E06", "identity, Connection: close", cut(framing="close", encoding="identity"), "does not state its length"),
    _cut("E06", "the last line is half an event",
         cut(before_end_bytes=40, encoding="identity", framing="content-length", honest=True), "last line is not a complete event"),
    _cut("E07", "chunked, and the final chunk never comes", cut(before_end_bytes=0), "connection to Mixpanel broke"),
    *(Case(f"E08/{name}", "200 with a line that says that the export died", "ExportTerminatedEarly; green after retry",
           (exporting(planned), Go(ends="again:ExportTerminatedEarly", says="terminated this export")),
           check=all_of(asked(2), outputs("export", 1)))
      for name, planned in {
          "last": sentinel("terminated early"), "export": sentinel("export terminated early", encoding="gzip"),
          "a list": sentinel('["terminated early"]'), "upper case": sentinel("TERMINATED EARLY", newline=False),
          "in the middle": sentinel("terminated early", after_lines=1, rest=True)}.items()),
    Case("E09", "the last line has no newline", "row kept", (exporting(alter("no_final_newline")),), check=asked(1)),
    Case("E10", "empty body, 200", "success with 0 rows: no batch, the ledger says empty", (), events=(), ledger=("empty",), **_NOTHING),
    Case("E10/looked at again", "an empty day gets events later", "reconcile refreshes the day and loads them",
         (Go(), add(*three())), events=(), run=Run("reconcile", refresh=True), ledger=("empty", *ALL_OF_IT), check=asked(2)),
    # Validate refuses the day as a whole because it knows the expected counts; export itself has no error for it.
    Case("E10/allow_empty: false", "empty body, 200, where no day may be empty", "red PartitionRefused, nothing is staged", (), events=(),
         pipeline={"quality": {"allow_empty": False}}, finally_="red:PartitionRefused", ledger=(), left=frozenset({"report"}),
         **_NOTHING),
    Case("E11", "U+2028, U+0085, NUL, lone surrogates in values", "same number of events; kept, or quarantined with a reason", (),
         events=(*three(), event("Odd\u2028event", text=_ODD, **{"naïve\u0085": ["\u2029"]}), with_more("s", '"x":"\\ud800"')),
         active=4, quarantined=1, check=all_of(refused("transform", not_json=1), _odd_values_are_kept)),
    Case("E12", "one line above 1 MiB, one above the limit", "the one to AEP, the other to quarantine; the rest loads", (),
         events=(*three(), event(text="x" * 1_100_000), event(text="x" * 1_250_000)), active=4, quarantined=1,
         check=refused("transform", row_too_large=1)),
    Case("E13", "JSON that is not an object; properties missing; properties a list", "quarantine with reason and line number", (),
         events=(*three(), *map(line, ("99", "[1]", "null", '{"event":"A"}', '{"event":"A","properties":[]}'))), quarantined=5,
         check=all_of(refused("transform", not_an_event=5), counted("export", exported=4, not_events=4))),
    # A number that JSON allows is valid: 2^63 does not fit a double and is kept digit for digit.
    Case("E14", "a key twice, NaN, Infinity, 1e400, 2^63", "strict parser: invalid JSON is quarantined, large integers are kept", (),
         events=(*three(), with_more("d", '"x":1,"x":2'), with_more("n", '"x":NaN'), with_more("i", '"x":Infinity'),
                 with_more("b", f'"big":{2**63}'), with_more("h", '"huge":1e400')),
         active=5, quarantined=3, check=all_of(refused("transform", duplicate_key=1, not_json=2), _large_numbers_are_kept)),
    Case("E14/mapped", "1e400 in a field that takes numbers", "the field stays empty and is counted; the text is kept", (),
         events=(*three(), with_more("h", '"amount":1e400')), active=4, check=_the_number_is_left_out),
    *(Case(f"E15/{name}", "429 once", "waits as requested, and asks again", (exporting(answer(429, **reported)),), check=asked(2))
      for name, reported in {"seconds": {"retry_after": 7}, "a date": {"retry_after": "date+30"}, "absent": {}}.items()),
    Case("E15/absurd", "429 with Retry-After: 10^9", "not slept through: Airflow's retry", (
         exporting(answer(429, retry_after=10**9)), Go(ends="again:Throttled")), check=asked(2)),
    Elsewhere("E15/as requested", "429 with Retry-After", "the wait is the requested time, up to the cap",
              ("tests/mixpanel/test_mixpanel_client.py::test_the_client_waits_as_requested",
               "tests/mixpanel/test_mixpanel_client.py::test_the_wait_is_bounded_whatever_the_header")),
    Case("E16", "429 storm longer than the budget", "transient, with the hint of 60 exports an hour; other pipelines go on", (
         Do("a storm of 429 for this project", _storm), Go(ends="again:Throttled", says="60 exports an hour"),
         Do("another pipeline at the same time", _another_pipeline_is_green), Go(ends="again:Throttled")), check=asked(13)),
    Case("E17", "500, 502, 503, 504, then good", "green; attempts counted",
         tuple(exporting(answer(status)) for status in (500, 502, 503, 504)), check=asked(5)),
    Case("E17/storm", "503 for longer than a try lasts", "green with the next try",
         (exporting(answer(503, 6)), Go(ends="again:ServiceUnavailable", says="HTTP 503")), check=asked(7)),
    _refused("E18/401", answer(401), "CredentialsRejected", "connection mixpanel_hostile", "401", "red at once, names the connection"),
    _refused("E18/403", answer(403), "AccessDenied", "connection mixpanel_hostile", "403", "red at once, names the connection"),
    _refused("E19", answer(400, body_json={"error": "to_date cannot be later than today"}), "PartitionNotClosed", "mixpanel.timezone",
             "400: to_date cannot be later than today", "red PartitionNotClosed, says where the time zone is configured"),
    Case("E20/connect", "no service listens at the port", "transient; green when the service is back",
         (connection(port=1), Go(ends="again:ServiceUnavailable", says="could not be reached"), connection(port=None)), check=asked(1)),
    Case("E20/silence", "the server accepts and sends nothing", "bounded by the timeout; asked again",
         (exporting({"action": {"do": "delay", "delay_seconds": 1.2}}),), scenario={"idle_seconds": 0.5}, check=asked(2)),
    Case("E20/DNS", "the service's name cannot be resolved", "transient; green when the service is back",
         (Do("no name is known", lambda scenario: scenario.change(prepare=no_names)),
          Go(ends="again:ServiceUnavailable", says="could not be reached"), Do("names are known", lambda scenario: scenario.change(prepare=None))),
         check=asked(1)),
    Elsewhere("E20/TLS", "TLS fails", "ServiceUnavailable with the network's hint",
              ("tests/http/test_http_client.py",)),
    Case("E21/drip", "less than the slowest rate", "given up by the stalled-read deadline; green after retry", (
         exporting({"action": {"do": "drip", "bytes_at_a_time": 1, "every_seconds": 0.15}}), Go(ends=_CUT, says="Mixpanel sent only")),
         scenario={"idle_seconds": 0.5}, check=asked(2)),
    Case("E21/silence in mid stream", "the stream stops and the connection stays open", "TruncatedExport; green after retry", (
         exporting({"action": {"do": "hang", "after_bytes": 100, "seconds": 5}}), Go(ends=_CUT, says="ReadTimeoutError")),
         scenario={"idle_seconds": 0.5}, check=asked(2)),
    Case("E22", "redirect to another address", "red RedirectRefused; nobody goes there, with credentials or without",
         (Do("a redirect", _redirected), Go(ends="red:RedirectRefused")), check=all_of(asked(2), _nobody_went_elsewhere)),
    # Not even the first characters are shown: they may be an event in another form.
    Case("E23", "an HTML page with 200", "NotAnExport, nothing of the page is shown; green after retry",
         (exporting(html()), Go(ends="again:NotAnExport", says="a web page")), check=all_of(asked(2), silent_about(CANARY_BODY))),
    Case("E24", "two exports of a day differ: one event vanished, one came late", "the late one is loaded, the other is counted",
         (Go(), add(event(key="late")), Do("Mixpanel deletes an event", _deleted)), run=Run("reconcile", refresh=True), active=4, batches=2,
         check=all_of(counted("stage", staged=1, already_active=2, vanished=1), outputs("export", 2))),
    # Exported rows contain no project id; the request, which always names the project, decides whose they are.
    Case("E25", "the project lives in another region", "red WrongProject, says what to change",
         (Do("the project is in the EU", _region), Go(ends="red:WrongProject", says="Set the region")), finally_="red:WrongProject",
         check=asked(2), **_MISSING),
    Case("E25/another project's id", "the account does not belong to the project", "red at once, nothing is exported",
         (connection(extra={"project_id": 6_999_999, "region": "us"}), Go(ends="red:(WrongProject|CredentialsRejected|AccessDenied)")),
         finally_=None, check=asked(0), **_MISSING),
)  # fmt: skip
