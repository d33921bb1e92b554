"""A bucket behind a custom endpoint: when it may lack TLS, and how long outages are awaited."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from include.errors import ConfigError, LakeError
from include.lake.lake import Lake
from include.lake.stores.endpoint import PLAIN_HTTP_VARIABLE, loopback_endpoint, may_use_plain_http
from include.lake.stores.retry_settings import (
    DEFAULT_RETRY_SECONDS,
    RETRY_SECONDS_VARIABLE,
    configured_retry_seconds,
    retry_config,
)
from tests.faults.s3_proxy import S3Fault, S3Proxy, proxied
from tests.support.s3_server import s3_server

LAKE = "s3://company-lake/mixpanel"
ELSEWHERE = "http://minio.internal.example:9000"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "eu-north-1",
    }.items():
        monkeypatch.setenv(name, value)
    with s3_server("company-lake") as url, proxied(url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.mark.unit
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3"])
def test_plain_http_to_another_machine_is_refused_unless_the_lake_is_allowed(variable: str) -> None:
    for listed in ("", "s3://company-lake/mixpanel2", "s3://other", "s3://company-lake/mixpanel/eu", " , "):
        with pytest.raises(ConfigError, match=r"plain HTTP to minio\.internal\.example") as refused:
            may_use_plain_http(LAKE, {variable: ELSEWHERE, PLAIN_HTTP_VARIABLE: listed})
        assert PLAIN_HTTP_VARIABLE in refused.value.hint
    for listed in (LAKE, "s3://company-lake", f"s3://other, {LAKE}/"):
        assert may_use_plain_http(LAKE, {variable: ELSEWHERE, PLAIN_HTTP_VARIABLE: listed})


@pytest.mark.unit
def test_a_lake_with_tls_or_on_this_machine_needs_no_permission() -> None:
    assert may_use_plain_http(LAKE, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"})
    assert not may_use_plain_http(LAKE, {"AWS_ENDPOINT_URL": "https://minio.internal.example"})
    assert not may_use_plain_http(LAKE, {})
    assert not may_use_plain_http("gs://company-lake", {"AWS_ENDPOINT_URL": ELSEWHERE})


@pytest.mark.unit
def test_the_more_specific_variable_does_not_hide_a_remote_endpoint() -> None:
    both = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000", "AWS_ENDPOINT_URL_S3": ELSEWHERE}
    assert not loopback_endpoint(both)
    assert loopback_endpoint({"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"})
    with pytest.raises(ConfigError, match="plain HTTP"):
        may_use_plain_http(LAKE, both)


@pytest.mark.sandbox
def test_a_lake_over_plain_http_is_refused_before_any_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", ELSEWHERE)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    with pytest.raises(ConfigError, match="events would cross the network unencrypted"):
        Lake(LAKE)


def _refusing() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


CAUSES: dict[str, tuple[Callable[[], str], str]] = {
    "refused": (lambda: f"http://{_refusing()}", "its endpoint refuses connections"),
    "no such name": (lambda: "https://no-such-name.invalid", "its endpoint cannot be resolved"),
}


@pytest.mark.sandbox
@pytest.mark.parametrize("case", CAUSES)
def test_an_endpoint_without_a_response_is_named_with_the_cause(
    case: str, s3: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, cause = CAUSES[case]
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint())
    with pytest.raises(LakeError, match=cause):
        Lake(LAKE, retry_seconds=1).read("a")


@pytest.mark.sandbox
def test_an_endpoint_without_tls_is_named_as_such(s3: S3Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url.replace("http:", "https:"))
    with pytest.raises(LakeError, match="its endpoint does not speak TLS"):
        Lake(LAKE, retry_seconds=1).read("a")


@pytest.mark.sandbox
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_temporary_outage_of_the_store_costs_no_try(status: int, s3: S3Proxy, tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(b"x" * 6_000_000)  # Several parts.
    lake = Lake(f"{LAKE}/{uuid4().hex}", retry_seconds=20)
    for match in ("PUT .*", "GET .*", "POST .*", "HEAD .*"):
        s3.plan(S3Fault(match, status=status, code="InternalError", times=3))
    assert lake.create("a", b"1")
    assert not lake.create("a", b"2")
    lake.upload("b", source)
    assert lake.read("a") == b"1"
    assert lake.has("b")
    assert lake.download("b", tmp_path / "copy").bytes == 6_000_000
    assert list(lake.keys("")) == [".writable", "a", "b"]


@pytest.mark.sandbox
def test_a_longer_outage_ends_with_the_stores_response(s3: S3Proxy) -> None:
    s3.plan(S3Fault(".*", code="SlowDown", times=10_000))
    began = time.monotonic()
    with pytest.raises(LakeError, match=r"\(SlowDown\)"):
        Lake(LAKE, retry_seconds=1).read("a")
    assert 0.5 < time.monotonic() - began < 15


@pytest.mark.unit
def test_the_shipped_retry_settings_outlast_a_minute_of_503s() -> None:
    """Simulates object_store's backoff: each pause is random between the first one and ``base`` times the last, capped."""
    shipped = retry_config(DEFAULT_RETRY_SECONDS)
    backoff, limit = shipped["backoff"], shipped["retry_timeout"].total_seconds()
    first, most = backoff["init_backoff"].total_seconds(), backoff["max_backoff"].total_seconds()
    assert limit - most > 60, "the last try begins after the minute"
    chance = random.Random(1)
    for _ in range(500):
        waited, pause, tries = 0.0, 0.0, 0
        while waited <= 60:
            tries += 1
            pause = min(most, chance.uniform(first, max(pause, first) * backoff["base"]))
            waited += pause
        assert tries <= shipped["max_retries"]


@pytest.mark.unit
def test_invalid_retry_settings_are_refused() -> None:
    assert configured_retry_seconds({}) == DEFAULT_RETRY_SECONDS
    assert configured_retry_seconds({RETRY_SECONDS_VARIABLE: "30"}) == 30
    for value in ("soon", "0", "-1", "3600", "nan"):
        with pytest.raises(ConfigError, match=RETRY_SECONDS_VARIABLE):
            configured_retry_seconds({RETRY_SECONDS_VARIABLE: value})
