"""/import: which events are accepted, its errors, and its limits."""

from __future__ import annotations

import gzip
import json
from typing import Any, ClassVar

import pytest
import requests

from tests.support.sandbox.http_client import ACCOUNT, Sandbox
from tests.support.sandbox.sent_events import JSON, NEW, NOW_S, TOKEN, event, exported, post

pytestmark = pytest.mark.sandbox


class TestImport:
    QUERY: ClassVar[dict[str, Any]] = {"strict": 1, "project_id": NEW}

    def sent(self, sandbox: Sandbox, *records: Any, **options: Any) -> requests.Response:
        given: dict[str, Any] = {"params": self.QUERY, "json": list(records), "auth": ACCOUNT, **options}
        return post(sandbox, "/import", **given)

    def test_the_documented_response(self, mixpanel: Sandbox) -> None:
        old = event(
            "Old", time=1618716477000, token=..., **{"$insert_id": "29fc2962-6d9c-455d-95ad-95b84f09b9e4"}
        )
        answer = self.sent(mixpanel, old)
        assert answer.json() == {"code": 200, "num_records_imported": 1, "status": "OK"}
        (row,) = exported(mixpanel, "2021-04-18")
        assert row["properties"]["time"] == 1618716477 and row["properties"]["$import"] is True

    @pytest.mark.parametrize("form", ["json", "ndjson", "gzip", "gzip ndjson"])
    def test_its_forms(self, mixpanel: Sandbox, form: str) -> None:
        records = [event(), event("Two")]
        lines = "\n".join(map(json.dumps, records)).encode() + b"\n\n"
        body = lines if "ndjson" in form else json.dumps(records).encode()
        headers = {"Content-Type": "application/x-ndjson" if "ndjson" in form else "application/json"}
        if "gzip" in form:
            body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
        answer = self.sent(mixpanel, json=None, data=body, headers=headers)
        assert answer.json()["num_records_imported"] == 2
        assert {row["event"] for row in exported(mixpanel)} == {"Sign up", "Two"}

    BAD: ClassVar[tuple[tuple[Any, str, str], ...]] = (
        (
            event(time=...),
            "properties.time",
            "'properties.time' is invalid: must be specified as seconds since epoch",
        ),
        (event(time=True), "properties.time", "seconds since epoch"),
        (event(time=31_535_999), "properties.time", "past"),
        (event(time=NOW_S + 3601), "properties.time", "future"),
        (event(distinct_id=...), "properties.distinct_id", "missing"),
        (event(distinct_id="Anonymous"), "properties.distinct_id", "names a user"),
        (event(distinct_id={}), "properties.distinct_id", "names a user"),
        (event(**{"$insert_id": ...}), "properties.$insert_id", "missing or empty"),
        (event(**{"$insert_id": "x" * 37}), "properties.$insert_id", "36 bytes"),
        (event(**{"$insert_id": "a_b"}), "properties.$insert_id", "alphanumeric"),
        (event(**{"$insert_id": "unknown"}), "properties.$insert_id", "alphanumeric"),
        (event(**{f"p{n}": n for n in range(255)}), "properties", "fewer than 255 keys"),
        (event(deep={"a": {"b": {"c": {}}}}), "properties.deep", "3 levels"),
        (event(wide={f"p{n}": n for n in range(255)}), "properties.wide", "fewer than 255 keys"),
        (event(long=[0] * 255), "properties.long", "fewer than 255 elements"),
        (event(text="x" * 1_100_000), "", "larger than 1048576 bytes"),
        (event(""), "event", "missing or empty"),
        ({"event": "x", "properties": []}, "properties", "object"),
        (7, "", "not an object"),
    )

    @pytest.mark.parametrize(("record", "field", "says"), BAD)
    def test_errors_of_an_event(self, mixpanel: Sandbox, record: Any, field: str, says: str) -> None:
        answer = self.sent(mixpanel, event(), record)
        body = answer.json()
        assert (answer.status_code, body["code"], body["status"]) == (400, 400, "Bad Request")
        assert body["error"] == "some data points in the request failed validation"
        (failed,) = body["failed_records"]
        assert (failed["index"], failed["field"]) == (1, field) and says in failed["message"]
        assert body["num_records_imported"] == 1 and len(exported(mixpanel)) == 1

    def test_a_text_with_invalid_utf8(self, mixpanel: Sandbox) -> None:
        body = json.dumps([event(), event(utm_source="\ud800")]).encode()
        raw = json.dumps([event(utm_source="@")]).encode().replace(b"@", b"\xff")
        for each in (body, raw):
            (failed,) = self.sent(mixpanel, json=None, data=each, headers=JSON).json()["failed_records"]
            assert failed["message"] == "'properties.utm_source' is invalid: string should be valid utf8"

    def test_unusual_but_valid_events(self, mixpanel: Sandbox) -> None:
        fine = [
            event(distinct_id=""),
            event(distinct_id=7),
            event(time=1618716477.5),
            event(deep={"a": {"b": {"c": 1}}}, none=None, **{"$insert_id": "x" * 36}),
            event(**{f"p{n}": n for n in range(250)}),
        ]
        assert self.sent(mixpanel, *fine).json()["num_records_imported"] == len(fine)

    def test_without_strict_invalid_events_are_skipped_silently(self, mixpanel: Sandbox) -> None:
        answer = self.sent(mixpanel, event(), 7, params={"strict": 0, "project_id": NEW})
        assert answer.json() == {"code": 200, "num_records_imported": 1, "status": "OK"}

    def test_the_name_of_the_insert_id_in_failed_records_is_a_switch(self, mixpanel: Sandbox) -> None:
        wrong = event(time=...)
        assert self.sent(mixpanel, wrong).json()["failed_records"][0]["$insert_id"] == "id-1"
        mixpanel.project(NEW, switches={"failed_record_key": "insert_id"})
        assert self.sent(mixpanel, wrong).json()["failed_records"][0]["insert_id"] == "id-1"

    @pytest.mark.parametrize(
        ("auth", "query", "status"),
        [
            (ACCOUNT, {"project_id": NEW}, 200),
            (ACCOUNT, {}, 401),
            (ACCOUNT, {"project_id": 1}, 403),
            (("analyst", "secret"), {"project_id": NEW}, 403),
            ((ACCOUNT[0], "wrong"), {"project_id": NEW}, 401),
            (("project-secret", ""), {}, 200),
            ((TOKEN, ""), {}, 200),
            ((TOKEN, ""), {"project_id": NEW}, 200),
            ((TOKEN, ""), {"project_id": 1}, 401),
            ((TOKEN, "x"), {}, 401),
            (None, {"project_id": NEW}, 401),
        ],
    )
    def test_who_may_import(self, mixpanel: Sandbox, auth: Any, query: Any, status: int) -> None:
        mixpanel.project(NEW, accounts=[{"username": "analyst", "secret": "secret", "role": "analyst"}])
        answer = self.sent(mixpanel, event(), auth=auth, params=query)
        assert (answer.status_code, answer.json()["code"]) == (status, status)
        if status == 401:
            assert answer.json() == {"code": 401, "error": "Invalid credentials", "status": "Unauthorized"}

    def test_limits_of_a_request(self, mixpanel: Sandbox) -> None:
        many = [event(**{"$insert_id": f"id-{n}"}) for n in range(2001)]
        answer = self.sent(mixpanel, *many)
        assert (answer.status_code, answer.json()["status"]) == (413, "Request Entity Too Large")
        assert self.sent(mixpanel, *many[:2000]).json()["num_records_imported"] == 2000
        assert len(exported(mixpanel)) == 2000

    def test_the_host_of_another_region(self, mixpanel: Sandbox) -> None:
        answer = self.sent(mixpanel, event(), headers={"Host": "api-eu.mixpanel.com"})
        assert answer.status_code == 400 and "cluster" in answer.json()["error"]

    def test_a_repeated_event_is_exported_twice_and_counted_once(self, mixpanel: Sandbox) -> None:
        for plan in ("free", "paid"):
            self.sent(mixpanel, event(plan=plan), event("Other", plan=plan, **{"$insert_id": f"id-{plan}"}))
            mixpanel.control("/clock", {"advance_seconds": 1})
        assert [row["event"] for row in exported(mixpanel)].count("Sign up") == 2
        query = {"project_id": NEW, "event": "Sign up", "name": "plan", "type": "general"}
        values = mixpanel.get("/api/query/events/properties/values", params=query, auth=ACCOUNT)
        assert values.json() == ["paid"], "the latest one ingested"


class TestRate:
    @pytest.mark.parametrize(
        "limit", [{"ingestion_events_per_minute": 3}, {"ingestion_bytes_per_minute": 550}]
    )
    def test_more_than_a_project_may_send_in_a_minute(self, mixpanel: Sandbox, limit: dict[str, int]) -> None:
        mixpanel.project(NEW, **limit)

        def sent() -> list[int]:
            options: dict[str, Any] = {"json": [event()], "auth": ACCOUNT, "params": {"project_id": NEW}}
            update = {"$token": TOKEN, "$distinct_id": "ann", "$set": {"x": "y" * 100}}
            answers = [post(mixpanel, "/import", **options), post(mixpanel, "/track", json=event())]
            answers += [
                post(mixpanel, "/engage", json=update),
                post(mixpanel, "/track?verbose=1", json=event()),
            ]
            return [answer.status_code for answer in answers]

        assert sent() == [200, 200, 200, 429]
        refused = post(mixpanel, "/track", json=event())
        assert refused.json() == {
            "code": 429,
            "error": "Project exceeded rate limits. Please retry the request with exponential backoff.",
            "status": "Too Many Requests",
        }
        assert len(exported(mixpanel)) == 2
        mixpanel.control("/clock", {"advance_seconds": 60})
        assert sent() == [200, 200, 200, 429]
