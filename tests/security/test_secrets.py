"""A run leaves no secret in files or output, whether it succeeds or a service echoes our headers."""

from __future__ import annotations

import gzip
import traceback
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from include.aep.settings import AepSettings
from include.errors import (
    AccessDenied,
    ConfigError,
    LakeError,
    PipelineError,
    RequestRefused,
    TooManyQuarantined,
)
from include.http.client import HttpClient
from include.http.error_rules import SERVER
from include.http.network import PROXY_VARIABLE, NetworkSettings
from include.http.request import HttpRequest, RetryPolicy, Service
from include.http.response import Response
from include.lake.lake import Lake
from include.mixpanel.client import MixpanelClient
from include.mixpanel.settings import MixpanelSettings
from tests.security.canary_run import DAY, Running, all_logs, download, event, lake_texts, reported, running
from tests.support import canaries
from tests.support.canaries import find_canaries, find_in
from tests.support.http_server import Reply, Request, script, serve_http
from tests.support.s3_server import s3_server

pytestmark = pytest.mark.sandbox
NOON_IN_2100 = 4118212800
AWS = {
    "AWS_ACCESS_KEY_ID": canaries.AWS_KEY,
    "AWS_SECRET_ACCESS_KEY": canaries.AWS_SECRET,
    "AWS_SESSION_TOKEN": canaries.AWS_TOKEN,
    "AWS_REGION": "eu-north-1",
}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with s3_server("canary-lake") as url:
        for name, value in (AWS | {"AWS_ENDPOINT_URL": url}).items():
            monkeypatch.setenv(name, value)
        yield "s3://canary-lake/prefix"


@pytest.mark.case("M07")
def test_m07_the_five_steps_leave_no_secret_behind(
    s3: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The lake is in S3, so that its keys are used too; all objects are searched as files."""
    with running(tmp_path, s3) as place, all_logs() as logs:
        place.runner.setup()
        result = place.runner.run_partition(DAY)
        assert result.active == 8
        found = download(place.runner.lake, tmp_path / "downloaded")
    assert "HTTP/1.1" in logs.getvalue(), "urllib3 was heard"
    assert len(list(found.rglob("*"))) > 15
    assert find_canaries([found]) == []
    assert find_in(logs.getvalue()) == []
    assert find_in("".join(capfd.readouterr())) == []


@pytest.mark.case("M07")
def test_m07_the_searched_secrets_were_used(tmp_path: Path) -> None:
    """The same run with other credentials is refused: only the canaries are accepted."""
    with running(tmp_path) as place:
        place.runner.connection = {"login": canaries.MIXPANEL_USER, "password": "another"}
        with pytest.raises(PipelineError, match="rejected the service account"):
            place.runner.export(DAY)
        place.runner.aep_connection = {"password": "another"}
        with pytest.raises(PipelineError, match=r"client secret|credential"):
            place.runner.setup()


EXPORT, IMS, AEP = {"service": "mixpanel"}, {"service": "ims"}, {"service": "aep"}
STATUSES = (200, 204, 302, 400, 401, 402, 403, 404, 409, 413, 418, 422, 429, 500, 502, 503, 504)
STEPS: dict[str, tuple[dict[str, str], Any]] = {
    "export": (EXPORT, lambda runner: runner.export(DAY)),
    "token": (IMS, lambda runner: runner.aep.registry.tenant_id()),
    "setup": (AEP, lambda runner: runner.setup()),
    "ingest": (AEP, lambda runner: runner.ingest(DAY, runner.stage(DAY))),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("echoes")) as place:
        place.runner.setup()
        yield place


@pytest.mark.case("M08")
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("status", "body"), list(zip(STATUSES, cycle(["<html>", '{"title": "no"}', ""]), strict=False))
)
def test_m08_a_response_that_echoes_our_credentials_is_not_quoted(
    place: Running, step: str, status: int, body: str, capfd: pytest.CaptureFixture[str]
) -> None:
    match, act = STEPS[step]
    runner = place.fresh(f"{step}-{status}-{len(body)}")
    place.fault(match, {"do": "answer", "status": status, "body": body, "echo_authorization": True})
    try:
        with all_logs() as logs, pytest.raises(PipelineError) as refused:
            act(runner)
    finally:
        place.forget_faults()
    assert find_in(reported(refused.value)) == []
    assert find_in(logs.getvalue()) == []
    assert find_in("".join(capfd.readouterr())) == []
    assert find_canaries([runner.lake.root or Path()]) == []


@pytest.mark.case("M08")
@pytest.mark.parametrize("key", ["code", "error_code", "title"])
@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_m08_a_secret_in_the_place_of_an_error_code_is_not_shown(key: str, status: int) -> None:
    """Only the code of an error body is shown; here the code is the secret."""
    settings = MixpanelSettings(canaries.MIXPANEL_USER, canaries.PROJECT_SECRET, 1)

    def echo(request: Request) -> Reply:
        return Reply.json({key: canaries.PROJECT_SECRET}, status)

    with serve_http(echo) as served:
        local = MixpanelSettings(settings.username, settings.secret, 1, "us", served.url)
        client = MixpanelClient(local, retry_policy=RetryPolicy(5, 5, attempts=1))
        with pytest.raises(PipelineError) as refused:
            client.me()
    assert find_in(reported(refused.value)) == []


@pytest.mark.case("M08")
def test_m08_a_secret_in_a_fact_is_masked() -> None:
    """The service's secrets are removed from every value that fills a table's sentence."""
    secret = canaries.AEP_SECRET
    service = Service("The service", (SERVER,), {"conn_id": f"a {secret} b"}, lambda: (secret,), dict)
    with (
        serve_http(script(Reply(418))) as served,
        pytest.raises(RequestRefused, match=r"a \*\*\* b") as refused,
    ):
        HttpClient(service, retry_policy=RetryPolicy(5, 5, attempts=1)).send(
            HttpRequest("GET", served.url, "answer")
        )
    assert find_in(reported(refused.value)) == []


@pytest.mark.case("M08")
@pytest.mark.parametrize("status", [400, 403, 404, 409])  # obstore makes ten attempts after a 500.
def test_m08_an_object_store_that_echoes_our_headers_is_not_quoted(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def echo(request: Request) -> Reply:
        return Reply(
            status, f"<Error><Code>AccessDenied</Code><Message>{request.headers}</Message></Error>".encode()
        )

    with serve_http(echo) as served, all_logs() as logs:
        for name, value in (AWS | {"AWS_ENDPOINT_URL": served.url}).items():
            monkeypatch.setenv(name, value)
        lake, source = Lake("s3://canary-lake/x"), tmp_path / "source"
        source.write_text("x")
        for call in (
            lambda: lake.create("a", b""),
            lambda: lake.upload("a", source),
            lambda: lake.download("a", tmp_path / "target"),
            lambda: lake.modified("a"),
            lambda: list(lake.keys("a")),
        ):
            try:
                call()
            except (LakeError, AccessDenied) as error:
                assert find_in("".join([repr(error), *traceback.format_exception(error)])) == []
        assert any(canaries.AWS_KEY in str(request.headers) for request in served.requests)
    assert find_in(logs.getvalue() + "".join(capfd.readouterr())) == []


@pytest.mark.case("M07")
@pytest.mark.parametrize(
    "url",
    [
        f"s3://{quote(canaries.AWS_KEY)}:{quote(canaries.AWS_SECRET, safe='')}@bucket/prefix",
        f"s3://bucket/prefix?X-Amz-Signature={canaries.SIGNATURE}",
        f"https://bucket.s3.amazonaws.com/prefix?X-Amz-Signature={canaries.SIGNATURE}",
        f"az://container/prefix?sig={canaries.SIGNATURE}",
        f"abfss://container:{canaries.SIGNATURE}@account.dfs.core.windows.net/prefix",
        f"gs://bucket/prefix#{canaries.SIGNATURE}",
        f"file:///lake?{canaries.SIGNATURE}",
        f"http://[{canaries.SIGNATURE}",
    ],
    ids=lambda url: url.partition(":")[0],
)
def test_m07_a_lakes_address_with_a_secret_is_refused_and_not_shown(url: str) -> None:
    """It would be shown in every manifest, log line and summary."""
    with pytest.raises(ConfigError, match="lake") as refused:
        Lake(url)
    assert find_in(reported(refused.value)) == []


PII = {
    "an e-mail address": "kari.nordmann@example.org",
    "an IP address": "203.0.113.77",
    "a phone number": "+47 22 33 44 55",
    "a name": "Kari Zoë Nordmann-Øvrebø",
}


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.case("M13")
@pytest.mark.parametrize("share", [1.0, 0.0], ids=["green", "red"])
def test_m13_personal_data_stays_in_the_data(
    tmp_path: Path, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    """In rows and in quarantine, which are shown on request; not in manifests, ledger, report, logs, errors and names."""
    email, ip, phone, name = PII.values()
    with running(tmp_path) as place, all_logs() as logs:
        quality = place.runner.pipeline.quality.model_copy(update={"max_quarantined": share})
        place.runner.pipeline = place.runner.pipeline.model_copy(update={"quality": quality})
        place.add(
            event(
                "Good", 1, **{"$email": email, "ip": ip, "$phone": phone, "$name": name, "$user_id": email}
            ),
            event("Not a number", 2, **{"$screen_width": phone, "$screen_height": {"of": email}}),
            event("Nested too deep", 3, **{"$email": email, "$name": name, "ip": ip, "deep": nested(70)}),
            event("In the future", 4, time=NOON_IN_2100, **{"$email": email, "$phone": phone, "$name": name}),
        )
        place.runner.setup()
        texts = []
        try:
            place.runner.run_partition(DAY)
            assert share
        except TooManyQuarantined as error:
            assert not share
            texts.append(reported(error))
        lake = place.runner.lake
        texts += [*lake_texts(lake).values(), *lake.keys(""), logs.getvalue(), *capfd.readouterr()]
        assert [what for what, value in PII.items() if value in "\n".join(texts)] == []
        quarantined = [key for key in lake.keys("") if "/quarantine/" in key]
        assert email.encode() in gzip.decompress(lake.read(quarantined[0]) or b"")


@pytest.mark.case("M07")
def test_m07_no_repr_shows_a_secret() -> None:
    """A traceback with locals, a debugger or an f-string prints objects by their repr."""
    mixpanel = MixpanelSettings(canaries.MIXPANEL_USER, canaries.MIXPANEL_SECRET, 1)
    aep = AepSettings(canaries.AEP_CLIENT, canaries.AEP_SECRET, "X@AdobeOrg", "prod")
    proxy = f"http://proxy:{quote(canaries.PROXY_PASSWORD, safe='')}@proxy.example.com:3128"
    surroundings = NetworkSettings.of_environment({PROXY_VARIABLE: proxy})
    answer = Response(200, {}, canaries.AEP_SECRET.encode())
    call = HttpRequest("POST", "https://x", "ask", content=canaries.AEP_SECRET.encode())
    shown = "".join(map(repr, (mixpanel, aep, surroundings, answer, call)))
    assert find_in(proxy + canaries.AEP_SECRET) != []
    assert find_in(shown) == []
