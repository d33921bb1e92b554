"""Events sent by Mixpanel's own SDKs are exported again, and invalid ones are refused with the documented errors."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
import requests

from tests.support.sandbox.http_client import ACCOUNT, Sandbox
from tests.support.sandbox.sent_events import JSON, NEW, NOW_S, TOKEN, event, exported, post

pytestmark = pytest.mark.sandbox
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


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
