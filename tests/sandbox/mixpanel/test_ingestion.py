"""Events sent by Mixpanel's own SDKs are exported again, and invalid ones are refused with the documented errors."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any, ClassVar

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_aep_sandbox.mixpanel.ingestion.profile_updates import changed, update_fault
from mixpanel_aep_sandbox.mixpanel.ingestion.validation import import_fault
from tests.support.sandbox.http_client import ACCOUNT, Sandbox

pytestmark = pytest.mark.sandbox

NEW = 4000007
TOKEN = "0123456789abcdef0123456789abcdef"
NOW = "2026-07-02T12:00:00Z"
NOW_S = 1782993600
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def mixpanel(sandbox: Sandbox) -> Sandbox:
    """A project with a token, whose account is an admin; the clock is frozen."""
    sandbox.control("/clock", {"set": NOW, "freeze": True})
    account = {"username": ACCOUNT[0], "secret": ACCOUNT[1], "role": "admin"}
    off = {"enabled": False}
    sandbox.project(
        NEW, token=TOKEN, secret="project-secret", accounts=[account], limits=off, query_limits=off
    )
    return sandbox


def post(sandbox: Sandbox, path: str, **options: Any) -> requests.Response:
    return sandbox.session.post(sandbox.url + path, timeout=20, **options)


def event(name: str = "Sign up", **properties: Any) -> dict[str, Any]:
    given = {"token": TOKEN, "distinct_id": "ann", "time": NOW_S - 60, "$insert_id": "id-1", **properties}
    return {"event": name, "properties": {key: value for key, value in given.items() if value is not ...}}


def exported(sandbox: Sandbox, *days: str) -> list[dict[str, Any]]:
    first, last = (*days, "2026-07-02", "2026-07-02")[:2]
    return [json.loads(line) for line in sandbox.lines(NEW, first, last if days[1:] else first)]


def b64(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def python_sdk(sandbox: Sandbox, endpoint: str, message: Any, query: Any = None, auth: Any = None) -> Any:
    """Send as ``mixpanel.Consumer.send`` does."""
    params = {"data": json.dumps(message, separators=(",", ":")), "verbose": 1, "ip": 0}
    answer = post(sandbox, endpoint, params=query or {}, data=params, auth=auth).json()
    if answer["status"] != 1:
        raise ValueError(answer["error"])
    return True


class TestSdks:
    """Each SDK sends one event, which is then exported."""

    def sent(self, sandbox: Sandbox, how: str) -> requests.Response:
        one = event()
        match how:
            case "javascript":  # XHR with a form, JSON or base64
                return post(
                    sandbox,
                    "/track/",
                    params={"verbose": 1, "ip": 1, "_": 1},
                    data={"data": json.dumps([one])},
                )
            case "javascript base64":
                return post(sandbox, "/track/?verbose=1&ip=1&_=1", data={"data": b64([one])})
            case "sendBeacon":
                headers = {"Content-Type": "text/plain;charset=UTF-8"}
                body = requests.models.RequestEncodingMixin._encode_params({"data": b64(one)})
                return post(sandbox, "/track/?verbose=1", data=body, headers=headers)
            case "swift":
                return post(sandbox, "/track?ip=1", data=json.dumps([one]), headers=JSON)
            case "swift gzip":
                packed = gzip.compress(json.dumps([one]).encode())
                return post(sandbox, "/track?ip=1", data=packed, headers={**JSON, "Content-Encoding": "gzip"})
            case "android":
                return post(sandbox, "/track?ip=1", data={"data": b64([one]), "verbose": "1"})
            case "node":
                return sandbox.get("/track", params={"data": b64(one), "ip": 0, "verbose": 0})
            case "ruby":
                return post(sandbox, "/track", data={"data": b64(one), "verbose": 1})
            case "pixel":
                return sandbox.get("/track/", params={"data": b64(one), "img": 1})
            case "callback":
                return sandbox.get("/track/", params={"data": b64(one), "callback": "mp.done"})
        return post(sandbox, "/track", params={"data": json.dumps(one)})

    @pytest.mark.parametrize(
        ("how", "answer"),
        [
            ("javascript", '{"error":null,"status":1}'),
            ("javascript base64", '{"error":null,"status":1}'),
            ("sendBeacon", '{"error":null,"status":1}'),
            ("swift", "1"),
            ("swift gzip", "1"),
            ("android", '{"error":null,"status":1}'),
            ("node", "1"),
            ("ruby", '{"error":null,"status":1}'),
            ("pixel", None),
            ("callback", "mp.done(1);"),
            ("query", "1"),
        ],
    )
    def test_track(self, mixpanel: Sandbox, how: str, answer: str | None) -> None:
        found = self.sent(mixpanel, how)
        assert found.status_code == 200 and found.headers["access-control-allow-origin"] == "*"
        assert found.content.startswith(b"GIF89a") if answer is None else found.text == answer
        (row,) = exported(mixpanel)
        assert row == {
            "event": "Sign up",
            "properties": {
                "time": NOW_S - 60,
                "distinct_id": "ann",
                "$insert_id": "id-1",
                "$mp_api_endpoint": "api.mixpanel.com",
                "$mp_api_timestamp_ms": NOW_S * 1000,
                "$mp_event_size": row["properties"]["$mp_event_size"],
                "mp_processing_time_ms": NOW_S * 1000,
            },
        }

    def test_the_python_sdk(self, mixpanel: Sandbox) -> None:
        assert python_sdk(mixpanel, "/track", event(time=NOW_S + 0.5, mp_lib="python"))
        old = event("Old", time=NOW_S - 400 * 86400)
        assert python_sdk(mixpanel, "/import", old, query={"project_id": NEW}, auth=ACCOUNT)
        assert python_sdk(mixpanel, "/import", [old, old], auth=("project-secret", ""))
        with pytest.raises(ValueError, match="Invalid credentials"):
            python_sdk(mixpanel, "/import", old, query={"project_id": NEW}, auth=("wrong", "wrong"))
        with pytest.raises(ValueError, match="time"):
            python_sdk(mixpanel, "/track", old)
        assert [row["event"] for row in exported(mixpanel, "2025-05-28", "2026-07-02")].count("Old") == 3
        update = {"$token": TOKEN, "$time": 1, "$distinct_id": "ann", "$set": {"plan": "paid"}}
        assert python_sdk(mixpanel, "/engage", update)
        assert python_sdk(
            mixpanel, "/groups", {"$token": TOKEN, "$group_key": "co", "$group_id": "x", "$set": {"n": 1}}
        )

    def test_browsers_may_send_json_from_any_page(self, mixpanel: Sandbox) -> None:
        headers = {"Origin": "https://shop.example", "Access-Control-Request-Headers": "content-type"}
        answer = mixpanel.session.options(mixpanel.url + "/track", headers=headers, timeout=20)
        assert (answer.status_code, answer.headers["access-control-allow-headers"]) == (204, "content-type")

    def test_the_transcript_contains_no_event(self, mixpanel: Sandbox) -> None:
        mixpanel.get("/track", params={"data": b64(event()), "ip": 1})
        entry = mixpanel.transcript(path="/track")[-1]
        assert (entry["service"], entry["project"], entry["rows"]) == ("mixpanel", NEW, 1)
        assert "ip=1" in entry["query"] and b64(event())[:20] not in entry["query"]


class TestTrack:
    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            ({"event": "x"}, "properties"),
            ({"event": "", "properties": {"token": TOKEN}}, "event"),
            (event(token=...), "token, missing or empty"),
            (event(time=NOW_S - 5 * 86400 - 1), "too far in the past"),
            (event(time=NOW_S + 3601), "too far in the future"),
            (event(time="now"), "seconds since epoch"),
            ("text", "not an object"),
        ],
    )
    def test_an_invalid_event(self, mixpanel: Sandbox, wrong: Any, says: str) -> None:
        assert post(mixpanel, "/track", json=[wrong]).text == "0"
        verbose = post(mixpanel, "/track?verbose=1", json=wrong).json()
        assert verbose["status"] == 0 and says in verbose["error"]
        assert exported(mixpanel, "2026-06-20", "2026-07-02") == []

    def test_one_valid_event_is_enough(self, mixpanel: Sandbox) -> None:
        assert post(mixpanel, "/track?verbose=1", json=[event(), "text"]).json() == {
            "error": None,
            "status": 1,
        }
        strict = post(mixpanel, "/track?strict=1", json=[event(), "text"])
        assert (strict.status_code, strict.json()["failed_records"][0]["index"]) == (400, 1)
        assert len(exported(mixpanel)) == 2

    def test_an_unknown_token_is_not_reported(self, mixpanel: Sandbox) -> None:
        assert post(mixpanel, "/track", json=[event(token="f" * 32)]).text == "1"
        assert exported(mixpanel) == []

    def test_another_region_does_not_have_the_project(self, mixpanel: Sandbox) -> None:
        for host, rows in (("api-eu.mixpanel.com", 0), ("api-js.mixpanel.com", 1)):
            assert post(mixpanel, "/track", json=event(), headers={"Host": host}).text == "1"
            assert len(exported(mixpanel)) == rows
        assert exported(mixpanel)[0]["properties"]["$mp_api_endpoint"] == "api-js.mixpanel.com"

    def test_optional_fields_of_an_event(self, mixpanel: Sandbox) -> None:
        bare = event(distinct_id=..., time=..., **{"$insert_id": ...})
        with_device = event("Device", distinct_id=..., **{"$device_id": "d1"})
        with_user = event("User", distinct_id=..., **{"$device_id": "d1", "$user_id": "u1"})
        post(mixpanel, "/track", json=[bare, with_device, with_user])
        found = {row["event"]: row["properties"] for row in exported(mixpanel)}
        assert found["Sign up"]["time"] == NOW_S and len(found["Sign up"]["$insert_id"]) == 36
        assert found["Sign up"]["distinct_id"]
        assert (found["Device"]["distinct_id"], found["User"]["distinct_id"]) == ("$device:d1", "u1")

    def test_conversions_of_values(self, mixpanel: Sandbox) -> None:
        post(mixpanel, "/track", json=[
            event(time=NOW_S + 60, ip="1.2.3.4", long="é" * 300, deep={"a": ["x" * 256]}, big=3928097563762691601),
            event("Gone", **{"$ignore": True}),
        ])  # fmt: skip
        (row,) = exported(mixpanel)
        found = row["properties"]
        assert (found["time"], found["long"], found["big"]) == (NOW_S, "é" * 255, 3928097563762691601)
        assert found["deep"] == {"a": ["x" * 255]} and "ip" not in found and "token" not in found
        mixpanel.project(NEW, switches={"truncation": "bytes"})
        post(mixpanel, "/track", json=event("Bytes", long="é" * 300))
        (row,) = (row for row in exported(mixpanel) if row["event"] == "Bytes")
        assert row["properties"]["long"] == "é" * 127 + "\ufffd"

    def test_a_project_from_before_2023_stores_its_own_clock(self, mixpanel: Sandbox) -> None:
        mixpanel.project(NEW, timezone="America/Los_Angeles", time_is="project_local")
        post(mixpanel, "/track", json=event())
        (row,) = exported(mixpanel)
        assert row["properties"]["time"] == NOW_S - 60 - 7 * 3600
        assert row["properties"]["$mp_api_timestamp_ms"] == NOW_S * 1000

    @pytest.mark.parametrize(
        ("options", "status", "says"),
        [
            ({"data": b""}, 200, "data, missing or empty"),
            ({"data": b"{no json", "headers": JSON}, 200, "data, invalid JSON"),
            ({"data": b'{"a": NaN}', "headers": JSON}, 200, "data, invalid JSON"),
            ({"data": {"data": "%%%"}}, 200, "data, invalid base64"),
            ({"data": b"x", "headers": {**JSON, "Content-Encoding": "gzip"}}, 200, "not gzip"),
            ({"data": gzip.compress(b"[]" * 999)[:-9], "headers": {**JSON, "Content-Encoding": "gzip"}}, 200, "not gzip"),
            ({"data": b"x", "headers": {**JSON, "Content-Encoding": "br"}}, 200, "content encoding"),
            ({"json": [1] * 2001}, 413, "2000 records"),
            ({"data": b"[" + b" " * 10_485_760 + b"]", "headers": JSON}, 413, "10485760 bytes"),
            ({"data": gzip.compress(b" " * 10_485_761), "headers": {**JSON, "Content-Encoding": "gzip"}}, 413, "10485760 bytes"),
        ],
    )  # fmt: skip
    def test_invalid_data(self, mixpanel: Sandbox, options: Any, status: int, says: str) -> None:
        answer = post(mixpanel, "/track?verbose=1", **options)
        assert (answer.status_code, says in answer.json()["error"]) == (status, True), answer.text


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


class TestProfiles:
    def update(self, sandbox: Sandbox, *updates: dict[str, Any], path: str = "/engage", **query: Any) -> Any:
        who = {"$token": TOKEN, "$distinct_id": "ann"}
        return post(sandbox, path, params=query, json=[{**who, **update} for update in updates])

    def profiles(self, sandbox: Sandbox, **form: Any) -> dict[Any, dict[str, Any]]:
        answer = post(sandbox, "/api/query/engage", params={"project_id": NEW}, data=form, auth=ACCOUNT)
        return {row["$distinct_id"]: row["$properties"] for row in answer.json()["results"]}

    def test_every_operation(self, mixpanel: Sandbox) -> None:
        assert self.update(
            mixpanel,
            {"$set": {"plan": "free", "$email": "ann@a.example", "tags": ["a"]}},
            {"$set_once": {"plan": "paid", "first": 1}},
            {"$add": {"coins": 12}},
            {"$add": {"coins": -2}},
            {"$append": {"tags": "b", "new": "x"}},
            {"$union": {"tags": ["b", "c", "c"]}},
            {"$remove": {"tags": "a", "none": 1}},
            {"$unset": ["$email"]},
        ).text == "1"  # fmt: skip
        assert self.profiles(mixpanel) == {
            "ann": {
                "plan": "free", "first": 1, "coins": 10, "tags": ["b", "c"], "new": ["x"],
                "$last_seen": "2026-07-02T12:00:00",
            }
        }  # fmt: skip
        self.update(mixpanel, {"$delete": "null"})
        assert self.profiles(mixpanel) == {}

    def test_a_profile_of_the_demo_shop_is_changed_and_deleted(self, mixpanel: Sandbox) -> None:
        shop = next(
            each for each in mixpanel.get("/_sandbox/mixpanel/projects").json() if each["id"] == 3000002
        )
        form = {"distinct_id": "u-10000"}

        def found() -> list[Any]:
            answer = post(
                mixpanel, "/api/query/engage", params={"project_id": 3000002}, data=form, auth=ACCOUNT
            )
            return list(answer.json()["results"])

        before = found()[0]["$properties"]
        update = {"$token": shop["token"], "$distinct_id": "u-10000", "$ignore_time": True}
        post(mixpanel, "/engage", json=[{**update, "$set": {"vip": True}}])
        assert found()[0]["$properties"] == {**before, "vip": True}
        post(mixpanel, "/engage", json=[{**update, "$delete": ""}])
        assert found() == []

    def test_groups(self, mixpanel: Sandbox) -> None:
        acme = {"$group_key": "company", "$group_id": "acme"}
        assert (
            self.update(
                mixpanel, {**acme, "$set": {"size": 3}}, {**acme, "$union": {"tags": ["a"]}}, path="/groups"
            ).text
            == "1"
        )
        assert self.profiles(mixpanel, data_group_id="company") == {"acme": {"size": 3, "tags": ["a"]}}
        assert self.profiles(mixpanel) == {}

    @pytest.mark.parametrize(
        ("update", "says"),
        [
            ({"$token": ""}, "$token, missing or empty"),
            ({"$distinct_id": None, "$set": {}}, "$distinct_id, missing or empty"),
            ({}, "no operation"),
            ({"$set": []}, "$set is invalid"),
            ({"$add": {"a": "1"}}, "$add is invalid"),
            ({"$union": {"a": 1}}, "$union is invalid"),
            ({"$unset": {"a": 1}}, "$unset is invalid"),
            ({"$set": {"a": "x" * 1_100_000}}, "larger than 1048576 bytes"),
        ],
    )
    def test_invalid_updates(self, mixpanel: Sandbox, update: Any, says: str) -> None:
        assert self.update(mixpanel, update).text == "0"
        assert says in self.update(mixpanel, update, verbose=1).json()["error"]
        strict = self.update(mixpanel, {"$set": {"a": 1}}, update, strict=1)
        assert strict.status_code == 400 and says in strict.json()["failed_records"][0]["message"]
        assert set(self.profiles(mixpanel)) == {"ann"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
OPERATIONS = st.sampled_from(
    ["$set", "$set_once", "$add", "$append", "$union", "$remove", "$unset", "$delete"]
)


@given(
    record=VALUES
    | st.fixed_dictionaries(
        {
            "event": VALUES,
            "properties": st.dictionaries(
                st.sampled_from(["time", "distinct_id", "$insert_id", "x"]), VALUES
            ),
        }
    )
)
def test_any_record_has_an_error_or_none(record: Any) -> None:
    fault = import_fault(record, NOW_S * 1000)
    assert fault is None or fault.message


@given(
    properties=st.dictionaries(st.sampled_from("abc"), VALUES), updates=st.dictionaries(OPERATIONS, VALUES)
)
def test_a_valid_update_can_be_applied_to_any_profile(properties: Any, updates: Any) -> None:
    record = {"$token": TOKEN, "$distinct_id": "ann", **updates}
    if update_fault(record, group=False) is None:
        before = json.dumps(properties)
        assert isinstance(changed(properties, record), dict) and json.dumps(properties) == before
