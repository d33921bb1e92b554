"""Create-only puts are verified before the first write: a store that ignores the condition is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from include.aep.setup import setup_pipeline
from include.errors import AccessDenied, UnsafeStore
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.lake_checks import check_access
from include.lake.stores.create_only_probe import PROBE_KEY
from tests.faults.s3_proxy import Conditions, S3Fault, S3Proxy, proxied
from tests.support.http_server import Reply, Request, serve_http
from tests.support.pipeline_runner import PIPELINES
from tests.support.s3_server import SIGNED, s3_server

pytestmark = pytest.mark.sandbox
BUCKET = "lake-of-the-proof"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with s3_server(BUCKET) as url:
        yield url


@pytest.fixture
def proxy(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    with proxied(moto) as proxy:
        for name, value in {
            "AWS_ENDPOINT_URL": proxy.url,
            "AWS_ACCESS_KEY_ID": "not-a-key",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_REGION": "eu-north-1",
        }.items():
            monkeypatch.setenv(name, value)
        yield proxy


@pytest.fixture
def s3(proxy: S3Proxy) -> str:
    return f"s3://{BUCKET}/{uuid4().hex}"


@pytest.fixture(params=["file", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake" if request.param == "file" else request.getfixturevalue("s3"))


UNSAFE: list[tuple[Conditions, str]] = [
    ("stripped", "accepted a second create-only put of .writable and overwrote the value"),
    ("ignored", "accepted a second create-only put of .writable and kept the first value"),
    ("overwritten", "refused a second create-only put of .writable but changed the value"),
]


@pytest.mark.parametrize(("conditions", "did"), UNSAFE)
@pytest.mark.parametrize("used_before", [False, True])
def test_a_store_that_ignores_create_only_puts_is_refused_at_the_first_write(
    proxy: S3Proxy, s3: str, conditions: Conditions, did: str, used_before: bool
) -> None:
    if used_before:
        requests.put(
            f"{proxy.behind}/{s3.removeprefix('s3://')}/{PROBE_KEY}", headers=SIGNED, timeout=10
        ).raise_for_status()
    proxy.conditions = conditions
    lake = Lake(s3)
    with pytest.raises(UnsafeStore, match=f"The store of lake {s3} does not enforce .*: it {did}") as refused:
        lake.create("shop/2026-07-01/ledger/000001.json", b"claimed")
    assert "If-None-Match" in refused.value.hint
    assert lake.read("shop/2026-07-01/ledger/000001.json") is None, "nothing was written before the proof"


@pytest.mark.parametrize("conditions", [conditions for conditions, _ in UNSAFE])
def test_an_upload_is_refused_too(proxy: S3Proxy, s3: str, conditions: Conditions, tmp_path: Path) -> None:
    proxy.conditions = conditions
    (tmp_path / "part").write_bytes(b"rows")
    with pytest.raises(UnsafeStore):
        Lake(s3).upload("shop/part", tmp_path / "part")


def test_a_store_that_does_not_implement_the_header_is_named(proxy: S3Proxy, s3: str) -> None:
    proxy.plan(S3Fault("PUT .*", status=501, code="NotImplemented", times=99))
    with pytest.raises(UnsafeStore, match="does not implement create-only puts"):
        Lake(s3).create("a", b"")


def test_a_safe_store_passes_the_probe_repeatedly(lake: Lake) -> None:
    check_access(lake)
    first = lake.read(PROBE_KEY)
    check_access(lake)
    Lake(lake.url).create("a", b"")
    assert lake.read(PROBE_KEY) == first, "the fixed key keeps its first value"
    assert sorted(lake.keys("")) == [PROBE_KEY, "a"]


def test_the_empty_object_of_an_earlier_version_serves_the_probe(lake: Lake) -> None:
    assert lake.put_new(PROBE_KEY, b"")
    check_access(lake)
    assert lake.read(PROBE_KEY) == b""


def test_the_probe_runs_once_for_all_writes_of_a_process(proxy: S3Proxy, s3: str) -> None:
    asked: list[str] = []
    handle = proxy.handle

    def counted(request: Request) -> Reply:
        asked.append(request.method)
        return handle(request)

    with serve_http(counted) as served, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", served.url)
        for number in range(5):
            assert Lake(s3).create(f"a/{number}", b"")
    assert asked.count("PUT") == 5 + 2


def forbidding(proxy: S3Proxy, forbids: Callable[[Request], bool]) -> Callable[[Request], Reply]:
    def handle(request: Request) -> Reply:
        if forbids(request):
            return Reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        return proxy.handle(request)

    return handle


@pytest.mark.parametrize(
    ("forbids", "says"),
    [
        (lambda request: request.method == "PUT", "may list and read .*, but not write"),
        (lambda request: "list-type" in request.query, "no permission to list the lake"),
        (
            lambda request: request.method == "GET" and "list-type" not in request.query,
            rf"no permission to read \{PROBE_KEY}",
        ),
    ],
    ids=["read-only", "no-list", "no-read"],
)
def test_a_missing_permission_is_named(
    proxy: S3Proxy, s3: str, monkeypatch: pytest.MonkeyPatch, forbids: Callable[[Request], bool], says: str
) -> None:
    with serve_http(forbidding(proxy, forbids)) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        with pytest.raises(AccessDenied, match=says):
            check_access(Lake(s3))


def test_no_step_loads_through_a_store_that_overwrites(proxy: S3Proxy, s3: str, tmp_path: Path) -> None:
    """Two runs that both win every create-only put would load the ids twice."""
    from datetime import date

    from tests.support.pipeline_runner import PipelineRunner, quick_sandbox

    proxy.conditions = "stripped"
    with quick_sandbox(tmp_path / "sandbox") as server:
        runner = PipelineRunner(server.url, Lake(s3), PIPELINES["hostile"])
        with pytest.raises(UnsafeStore):
            runner.setup()
        assert runner.aep.catalog.find_dataset(PIPELINES["hostile"].aep.dataset) is None
        setup_pipeline(PIPELINES["hostile"], runner.aep)
        with pytest.raises(UnsafeStore):
            runner.run_partition(date(2026, 7, 1))
    assert list(Lake(s3).keys(PartitionKey("hostile", date(2026, 7, 1)).prefix)) == []
