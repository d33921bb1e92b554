"""Promises 2 and 5 at AEP: tokens, retries, and errors with a remedy and without secrets."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator

import pytest

from include.aep.errors import AEP_RULES, IMS_RULES
from include.aep.token_source import TokenSource
from include.errors import (
    AccessDenied,
    AlreadyExists,
    CredentialsRejected,
    DatasetMissing,
    IdentityServiceUnavailable,
    NotFound,
    PayloadTooLarge,
    PipelineError,
    RedirectRefused,
    RequestRefused,
    SchemaError,
    ServiceUnavailable,
    Throttled,
)
from include.http.error_rules import rule_for
from include.http.session import join_path
from tests.support.fake_aep import CLIENT_SECRET, ORG, FakeAep, client, lost_answer, settings, times
from tests.support.fake_clock import FakeClock
from tests.support.http_server import Reply, Request, script, serve_http

TOKEN = {"access_token": "canary-token-1", "token_type": "bearer", "expires_in": 86399}


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def aep() -> FakeAep:
    return FakeAep()


@pytest.fixture(autouse=True)
def no_canary_in_any_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    for canary in ("canary-token", CLIENT_SECRET, "p8e-canary"):
        assert canary not in caplog.text


EXAMPLES: tuple[tuple[int, str, type[PipelineError], str, int], ...] = (
    (401, '{"error_code":"401013"}', CredentialsRejected, "connection adobe.*401013", 2),
    (403, '{"error_code":"403010","message":"Oauth token is missing."}', CredentialsRejected, "Check for a proxy", 1),
    (403, '{"error_code":"403000","message":"Api Key is required"}', CredentialsRejected, "client id", 1),
    (403, '{"error_code":"403003"}', CredentialsRejected, "client id", 1),
    (403, '{"error_code":"403025","message":"Profile is not valid"}', CredentialsRejected, "org_id", 1),
    (403, "{}", AccessDenied, "AEP-Default-All-Users", 1),
    (404, "{}", NotFound, "aep_sandbox", 1),
    (400, '{"detail":"externalId x-1 is not unique"}', AlreadyExists, "finds the batch by its externalId", 1),
    (400, '{"title":"BadRequestError","detail":"Title must be unique. An object"}', AlreadyExists, "it already exists", 1),
    (409, "{}", AlreadyExists, "conflicts", 1),
    (406, '{"title":"NotAcceptableError"}', SchemaError, "NotAcceptableError", 1),
    (413, "", PayloadTooLarge, "256 MB", 1),
    (400, '{"error_code":"400003","message":"Missing header"}', RequestRefused, "org_id", 1),
    (429, "", Throttled, "limits the request rate", 6),
    (503, "", ServiceUnavailable, "too busy", 6),
    (500, "", ServiceUnavailable, "HTTP 500", 6),
    (418, '{"code":"ODD-1"}', RequestRefused, "HTTP 418, code ODD-1", 1),
    (307, "", RedirectRefused, "not followed", 1),
)  # fmt: skip

IMS_EXAMPLES: tuple[tuple[int, str, type[PipelineError], int], ...] = (
    (400, '{"error":"invalid_client"}', CredentialsRejected, 1),
    (401, ' {"error":"invalid_client"}', CredentialsRejected, 1),
    (403, '{"error":"access_denied"}', CredentialsRejected, 1),
    (401, "<html>", IdentityServiceUnavailable, 6),
    (429, "", Throttled, 6),
    (503, "", IdentityServiceUnavailable, 6),
    (500, "", IdentityServiceUnavailable, 6),
    (404, "<html>", IdentityServiceUnavailable, 6),
    (418, "", RequestRefused, 1),
    (302, "", RedirectRefused, 1),
)


@pytest.mark.unit
def test_every_row_of_both_tables_has_an_example() -> None:
    for rules, examples in ((AEP_RULES, EXAMPLES), (IMS_RULES, IMS_EXAMPLES)):
        used = {id(rule_for(rules, status, body)) for status, body, *_ in examples if status >= 400}
        known = {id(rule) for rule in rules}
        assert used == known


@pytest.mark.sandbox
@pytest.mark.parametrize(("status", "body", "error", "words", "attempts"), EXAMPLES)
def test_a_rejection_becomes_its_error(
    fake_clock: FakeClock,
    aep: FakeAep,
    status: int,
    body: str,
    error: type[PipelineError],
    words: str,
    attempts: int,
) -> None:
    aep.faults = [times(99, Reply(status, body.encode()), path="/data/")]
    with serve_http(aep) as served:
        with pytest.raises(error, match=words) as caught:
            client(served, fake_clock).registry.tenant_id()
        asked = [request for request in served.requests if "/data/" in request.target]
        assert len(asked) == attempts
    assert type(caught.value) is error
    assert caught.value.hint
    assert len(fake_clock.slept) == (attempts - 1 if attempts > 2 else status == 401)


@pytest.mark.sandbox
@pytest.mark.parametrize(("status", "body", "error", "attempts"), IMS_EXAMPLES)
def test_a_rejection_by_the_identity_service_becomes_its_error(
    fake_clock: FakeClock, status: int, body: str, error: type[PipelineError], attempts: int
) -> None:
    with serve_http(script(Reply(status, body.encode()))) as served:
        with pytest.raises(error) as caught:
            client(served, fake_clock).registry.tenant_id()
        assert len(served.requests) == attempts
    assert type(caught.value) is error
    assert CLIENT_SECRET not in str(caught.value)
    if error is CredentialsRejected:
        assert "login (client id), password (client secret)" in caught.value.hint
        assert "connection adobe" in caught.value.sentence


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, b"<html>Sorry</html>"),
        Reply.json([]),
        Reply.json({}),
        Reply.json({"access_token": "canary-token-0", "expires_in": 0}),
        Reply.json({"access_token": "canary-token-0", "expires_in": -5}),
        Reply.json({"access_token": "canary-token-0\r\nX-Evil: 1", "expires_in": 5}),
        Reply.json({"access_token": "canary-token-0"}),
        Reply(wire=b""),
    ],
)
def test_invalid_responses_of_the_identity_service_are_an_outage(
    fake_clock: FakeClock, answer: Reply
) -> None:
    with serve_http(script(answer)) as served:
        with pytest.raises(IdentityServiceUnavailable, match="identity service"):
            client(served, fake_clock).registry.tenant_id()
        assert len(served.requests) == 6
    with serve_http(script(answer, Reply.json(TOKEN), Reply.json({"tenantId": "acme"}))) as served:
        assert client(served, fake_clock).registry.tenant_id() == "acme"


@pytest.mark.sandbox
def test_a_token_is_used_until_two_minutes_before_it_expires(fake_clock: FakeClock, aep: FakeAep) -> None:
    reported: list[str] = []
    with serve_http(aep) as served:
        source = TokenSource(settings(served.url), fake_clock.clock, reported.append)
        first = source.token()
        fake_clock.at += 86399 - 121
        assert source.token() == first
        fake_clock.at += 1
        assert source.token() != first
        source.discard()
        source.token()
    assert reported == aep.tokens
    assert set(reported) <= set(source.secrets())
    assert len(reported) == 3
    assert repr(source).find("canary") == -1


@pytest.mark.sandbox
def test_a_short_or_excessive_lifetime_is_limited(fake_clock: FakeClock, aep: FakeAep) -> None:
    with serve_http(aep) as served:
        for reported, real in ((100, 50), (86_399_000, 86_400 - 120)):  # The second one is in milliseconds.
            aep.token_seconds = reported
            source = TokenSource(settings(served.url), fake_clock.clock)
            first = source.token()
            fake_clock.at += real - 1
            assert source.token() == first
            fake_clock.at += 1
            assert source.token() != first


@pytest.mark.sandbox
def test_a_rejected_token_is_replaced_once(fake_clock: FakeClock, aep: FakeAep) -> None:
    aep.datasets["d1"] = {"name": "Events"}
    reported: list[str] = []
    with serve_http(aep) as served:
        asked = client(served, fake_clock, on_secret=reported.append)
        assert asked.catalog.dataset("d1") is not None
        aep.revoked.add("canary-token-1")
        assert asked.catalog.dataset("d1") is not None
        assert asked.catalog.dataset("d1") is not None
        calls = [r.headers["Authorization"] for r in served.requests if "/data/" in r.target]
    assert [call[-1] for call in calls] == ["1", "1", "2", "2"]
    assert reported == ["canary-token-1", "canary-token-2"]
    assert sum(fake_clock.slept) == 0


@pytest.mark.sandbox
def test_a_create_that_may_have_succeeded_is_not_repeated(fake_clock: FakeClock, aep: FakeAep) -> None:
    aep.faults = [lost_answer(aep, 1, method="POST", path="/import/batches")]
    with serve_http(aep) as served:
        asked = client(served, fake_clock)
        with pytest.raises(ServiceUnavailable):
            asked.batches.create("d1", "parquet", "x-1")
        assert [batch.id for batch in asked.batches.find_by_external_id("d1", "x-1")] == ["01BATCH1"]
        aep.faults = [times(1, Reply(500), method="POST", path="/dataSets")]
        with pytest.raises(ServiceUnavailable):
            asked.catalog.create_dataset({"name": "Events"})
    assert len(aep.batches) == 1
    assert aep.datasets == {}


@pytest.mark.sandbox
def test_a_create_that_was_never_sent_is_repeated(fake_clock: FakeClock, aep: FakeAep) -> None:
    with serve_http(aep) as served:
        asked = client(served, fake_clock)
        asked.identity._http._tokens.token()
    with pytest.raises(ServiceUnavailable, match="ConnectionError"):
        asked.batches.create("d1", "json", "x-1")
    assert len(fake_clock.slept) == 5


@pytest.mark.sandbox
@pytest.mark.parametrize("status", [429, 503])
def test_a_create_that_was_rejected_is_repeated(fake_clock: FakeClock, aep: FakeAep, status: int) -> None:
    aep.faults = [
        times(2, Reply(status, headers={"Retry-After": "9"}), method="POST", path="/import/batches")
    ]
    with serve_http(aep) as served:
        assert client(served, fake_clock).batches.create("d1", "json", "x-1") == "01BATCH1"
    assert fake_clock.slept == [9, 9]


@pytest.mark.sandbox
def test_a_rejected_token_does_not_create_two_batches(fake_clock: FakeClock, aep: FakeAep) -> None:
    with serve_http(aep) as served:
        asked = client(served, fake_clock)
        asked.batches.create("d1", "parquet", "x-1")
        aep.revoked.add("canary-token-1")
        asked.batches.create("d1", "parquet", "x-2")
    assert [batch["externalId"] for batch in aep.batches.values()] == ["x-1", "x-2"]


@pytest.mark.sandbox
def test_the_body_of_a_new_batch(fake_clock: FakeClock, aep: FakeAep) -> None:
    with serve_http(aep) as served:
        asked = client(served, fake_clock)
        asked.batches.create("d1", "json", "x-1", {"day": ["2026-07-01"]}, replaces=["01OLD"])
        asked.batches.create("d1", "parquet", "x-2", error_threshold_percent=2.5)
        with pytest.raises(RequestRefused, match="parquet or json"):
            asked.batches.create("d1", "csv", "x-3")
    first, second = (batch["asked"] for batch in aep.batches.values())
    assert first == {
        "datasetId": "d1",
        "externalId": "x-1",
        "inputFormat": {"format": "json", "isMultiLineJson": False},
        "enableErrorDiagnostics": True,
        "tags": {"day": ["2026-07-01"]},
        "replay": {"predecessors": ["01OLD"], "reason": "replace"},
    }
    assert second["inputFormat"] == {"format": "parquet"}
    assert (second["enableErrorDiagnostics"], second["partialIngestionPercent"]) == (True, 2.5)
    assert "partialIngestionPercent" not in first


@pytest.mark.sandbox
def test_complete_is_repeatable_and_abort_has_a_deadline(fake_clock: FakeClock, aep: FakeAep) -> None:
    with serve_http(aep) as served:
        asked = client(served, fake_clock)
        batch = asked.batches.create("d1", "parquet", "x-1")
        aep.faults = [lost_answer(aep, 2, method="POST", path="action=COMPLETE")]
        asked.batches.complete(batch)
        asked.batches.complete(batch)
        assert aep.batches[batch]["status"] == "loaded"
        with pytest.raises(RequestRefused, match="abort a batch"):
            asked.batches.abort(batch)
        asked.batches.revert(batch)
        assert aep.batches[batch]["status"] == "inactive"
        other = asked.batches.create("d1", "parquet", "x-2")
        asked.batches.abort(other)
        assert aep.batches[other]["status"] == "aborted"
        with pytest.raises(NotFound):
            asked.batches.complete("01NOBODY")


@pytest.mark.sandbox
def test_a_dataset_is_found_by_its_exact_name_on_any_page(fake_clock: FakeClock, aep: FakeAep) -> None:
    aep.datasets = {f"d{n}": {"name": f"Events {n}", "schemaRef": {"id": f"s{n}"}} for n in range(250)}
    with serve_http(aep) as served:
        asked = client(served, fake_clock)
        found = asked.catalog.require_dataset("Events 249")
        assert (found["id"], found["schemaRef"]["id"]) == ("d249", "s249")
        assert asked.catalog.find_dataset("events 249") is None
        with pytest.raises(DatasetMissing, match=r"'Events'.*the setup DAG"):
            asked.catalog.require_dataset("Events")
        aep.datasets["again"] = {"name": "Events 7"}
        with pytest.raises(DatasetMissing, match="d7, again"):
            asked.catalog.require_dataset("Events 7")
        assert asked.catalog.create_dataset({"name": "New"}) == f"{252:024x}"
        assert asked.catalog.dataset("nowhere") is None


@pytest.mark.sandbox
def test_a_server_that_ignores_paging_ends_the_listing(fake_clock: FakeClock, aep: FakeAep) -> None:
    page = Reply.json({f"d{n}": {"name": "Other"} for n in range(100)})
    aep.faults = [times(99, page, path="/dataSets")]
    with serve_http(aep) as served:
        assert client(served, fake_clock).catalog.find_dataset("Events") is None
        assert len(served.requests) == 3


@pytest.mark.sandbox
def test_batches_are_found_by_dataset_and_exact_external_id(fake_clock: FakeClock, aep: FakeAep) -> None:
    with serve_http(aep) as served:
        asked = client(served, fake_clock)
        for dataset, external in (("d1", "x-1"), ("d1", "x-11"), ("d2", "x-1"), ("d1", "x-1")):
            asked.batches.create(dataset, "parquet", external)
        found = asked.batches.find_by_external_id("d1", "x-1")
        assert [batch.id for batch in found] == ["01BATCH1", "01BATCH4"]
        assert found[0].status == "loading"
        assert asked.batches.find("01NOBODY") is None


@pytest.mark.sandbox
def test_a_response_that_echoes_our_credentials_is_not_repeated(fake_clock: FakeClock, aep: FakeAep) -> None:
    def echo(request: Request) -> Reply | None:
        said = f'{{"detail":"{request.headers["Authorization"]} {request.body.decode()} {CLIENT_SECRET}"}}'
        if "/stats" in request.target:
            return Reply(400, said.encode())
        return Reply(500, said.encode()) if "/data/" in request.target else None

    aep.faults = [echo]
    with serve_http(aep) as served:
        asked = client(served, fake_clock)
        for action in (asked.registry.tenant_id, lambda: asked.batches.find("x")):
            with pytest.raises(PipelineError) as caught:
                action()
            shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
            assert "canary" not in shown.replace("no_canary", "")
            assert caught.value.__context__ is None
    aep.faults = [lambda request: Reply(400, request.body)]
    with serve_http(aep) as served, pytest.raises(PipelineError) as caught:
        client(served, fake_clock).registry.tenant_id()
    assert "canary" not in str(caught.value)


@pytest.mark.unit
def test_no_repr_shows_the_credentials() -> None:
    for thing in (settings(), settings("http://127.0.0.1:1")):
        assert CLIENT_SECRET not in repr(thing)
        assert ORG in repr(thing)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("segment", "path"),
    [
        ("a/../b", "/a%2F..%2Fb"),
        ("a?b#c", "/a%3Fb%23c"),
        ("https://ns.adobe.com/acme/schemas/1", "/https%3A%2F%2Fns.adobe.com%2Facme%2Fschemas%2F1"),
        ("a\r\nX-Evil: 1", "/a%0D%0AX-Evil%3A%201"),
        ("☕", "/%E2%98%95"),
        ("_acme.schemas.1", "/_acme.schemas.1"),
    ],
)
def test_a_name_stays_one_path_segment(segment: str, path: str) -> None:
    assert join_path(segment) == path


@pytest.mark.unit
@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_a_name_that_changes_the_path_is_refused(segment: str) -> None:
    with pytest.raises(RequestRefused):
        join_path("a", segment)
