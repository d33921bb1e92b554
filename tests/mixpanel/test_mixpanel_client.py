"""Promise 5, explained: every response of Mixpanel becomes the right error, after the right number of attempts."""

from __future__ import annotations

import contextlib
import traceback
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import (
    AccessDenied,
    CredentialsRejected,
    HistoryExceeded,
    PartitionNotClosed,
    PipelineError,
    RedirectRefused,
    RequestRefused,
    ServiceUnavailable,
    Terminal,
    Throttled,
    Transient,
    WrongProject,
)
from include.http.backoff import deferral_seconds, retry_after_seconds
from include.http.error_rules import REFUSED, SERVER, SERVER_BUSY, error_code, rule_for
from include.http.request import RetryPolicy
from include.mixpanel.client import MixpanelClient
from include.mixpanel.errors import RULES
from include.mixpanel.settings import MixpanelSettings
from tests.support.fake_clock import FakeClock
from tests.support.http_server import Reply, Request, script, serve_http
from tests.support.mixpanel_responses import BODY, DAY, ROW, SECRET, client, export

pytestmark = pytest.mark.usefixtures("no_canary_in_any_log")

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


EXAMPLES: tuple[tuple[int, str, type[PipelineError], str, int], ...] = (
    (400, "to_date cannot be later than today", PartitionNotClosed, "2026-07-01 is still in the future", 1),
    (400, '{"error":"to_date cannot be later than today"}', PartitionNotClosed, "mixpanel.timezone", 1),
    (400, "Unable to authenticate request", CredentialsRejected, "expired", 1),
    (
        400,
        '{"request":"/x","error":"request failed with error: invalid project id for cluster."}',
        WrongProject,
        "region eu.* us or in",
        1,
    ),
    (401, '{"error":"Unauthorized"}', CredentialsRejected, "connection shop", 1),
    (402, '{"error":"plan"}', AccessDenied, "plan", 1),
    (403, "Date range exceeds 90 days into the past", HistoryExceeded, "reach back", 1),
    (403, "nope", AccessDenied, "classified", 1),
    (400, "invalid where", RequestRefused, "mixpanel.where", 1),
    (404, "", RequestRefused, "HTTP 404", 1),
    (429, '{"error":"too many export requests in progress for this project"}', Throttled, "60 exports an hour", 6),
    (408, "", ServiceUnavailable, "HTTP 408", 6),
    (500, "unknown error", ServiceUnavailable, "HTTP 500", 6),
    (502, "<html>", ServiceUnavailable, "HTTP 502", 6),
    (503, "", ServiceUnavailable, "too busy", 6),
    (504, "", ServiceUnavailable, "HTTP 504", 6),
    (302, "", RedirectRefused, "not followed", 1),
)  # fmt: skip


@pytest.mark.unit
def test_every_row_of_the_table_has_an_example() -> None:
    used = {id(rule_for(RULES, status, body)) for status, body, *_ in EXAMPLES if status >= 400}
    assert used == {id(rule) for rule in RULES}
    assert all(rule in RULES for rule in (SERVER_BUSY, SERVER, REFUSED))


@pytest.mark.sandbox
@pytest.mark.parametrize(("status", "body", "error", "words", "attempts"), EXAMPLES)
def test_a_rejection_becomes_its_error(
    fake_clock: FakeClock, status: int, body: str, error: type[PipelineError], words: str, attempts: int
) -> None:
    with serve_http(script(Reply(status, body.encode(), {"Location": "http://127.0.0.1:1/"}))) as served:
        with pytest.raises(error, match=words) as caught:
            export(served, fake_clock)
        assert type(caught.value) is error
        assert len(served.requests) == attempts
        assert len(fake_clock.slept) == attempts - 1
    assert caught.value.sentence
    assert caught.value.hint
    assert isinstance(caught.value, Transient) is (attempts > 1)
    assert isinstance(caught.value, Terminal) is (attempts == 1)


@pytest.mark.sandbox
def test_me_follows_the_same_table(fake_clock: FakeClock) -> None:
    for status, body, error, words, attempts in EXAMPLES:
        if error is PartitionNotClosed:
            continue
        with serve_http(script(Reply(status, body.encode()))) as served:
            with pytest.raises(error, match=words):
                client(served, fake_clock).me()
            assert len(served.requests) == attempts


@pytest.mark.sandbox
def test_temporary_errors_are_retried(fake_clock: FakeClock) -> None:
    storm = [Reply(status) for status in (500, 502, 503, 504, 429)]
    with serve_http(script(*storm, Reply(200, BODY))) as served:
        assert export(served, fake_clock) == [ROW] * 3
    assert len(fake_clock.slept) == 5
    assert all(2**n <= waited <= 2**n + 5 for n, waited in enumerate(fake_clock.slept, 1))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("99999", 99999),
        (format_datetime(datetime(2026, 7, 1, 12, 0, 30, tzinfo=UTC), usegmt=True), 30),
        ("Wed, 01 Jul 2026 12:00:30 -0000", 30),
        ("Wed, 01 Jul 2026 11:00:00 GMT", 0),
        ("Wednesday, 01-Jul-26 12:00:30 GMT", 30),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\u0667", None),
        ("Wed, 99 Jul 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_in_both_forms_and_missing(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@pytest.mark.unit
@given(
    st.text(st.characters(max_codepoint=255), max_size=40)
    | st.integers().map(str)
    | st.datetimes(timezones=st.timezones()).map(format_datetime)
    | st.from_regex(
        r"[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{2,5} [0-9:]{2,9} [-+A-Z0-9]{1,6}", fullmatch=True
    )
)
def test_the_wait_is_bounded_whatever_the_header(header: str) -> None:
    """A client waits for two minutes at most; for longer waits, of up to an hour, the task defers."""
    asked = retry_after_seconds(header, NOW)
    assert asked is None or asked >= 0
    assert 1 <= deferral_seconds(asked) <= 3600
    assert RetryPolicy().longest_wait_seconds * RetryPolicy().attempts <= 720


@pytest.mark.unit
def test_no_wait_takes_a_year() -> None:
    assert deferral_seconds(1e9) == deferral_seconds(float("9" * 400)) == 3600
    assert deferral_seconds(0) == 1
    assert deferral_seconds(None) == 60
    assert deferral_seconds(600) == 600


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("header", "low", "high"),
    [("7", 7, 7), ("0", 1, 1), ("Wed, 01 Jul 2026 12:00:30 GMT", 30, 30), ("garbage", 2, 7)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_client_waits_as_requested(
    fake_clock: FakeClock, header: str, low: float, high: float, status: int
) -> None:
    with serve_http(script(Reply(status, headers={"Retry-After": header}), Reply(200, BODY))) as served:
        assert export(served, fake_clock) == [ROW] * 3
    assert len(fake_clock.slept) == 1
    assert low <= fake_clock.slept[0] <= high


@pytest.mark.sandbox
@pytest.mark.parametrize(("header", "wait"), [("121", 121), ("1800", 1800), ("1000000000", 3600)])
@pytest.mark.parametrize("status", [429, 503])
def test_a_long_wait_is_left_to_the_task(
    fake_clock: FakeClock, header: str, wait: float, status: int
) -> None:
    with serve_http(script(Reply(status, headers={"Retry-After": header}))) as served:
        with pytest.raises(Throttled) as caught:
            export(served, fake_clock)
        assert len(served.requests) == 1
    assert caught.value.wait_seconds == wait
    assert fake_clock.slept == []


@pytest.mark.sandbox
def test_a_redirect_is_not_followed_and_gets_no_credentials(fake_clock: FakeClock) -> None:
    with serve_http(script(Reply(200, BODY))) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            away = Reply(status, headers={"Location": f"{elsewhere.url}/api/2.0/export"})
            with serve_http(script(away)) as served, pytest.raises(RedirectRefused):
                export(served, fake_clock)
        assert elsewhere.requests == []


@pytest.mark.sandbox
def test_the_request_to_mixpanel(
    fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login thief password thief\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with serve_http(script(Reply(200, BODY))) as served:
        events = ["Purchase, Ø", 'a"b&c']
        where = 'properties["x"] == "y" & 1+1'
        with client(served, fake_clock).export(
            DAY, date(2026, 7, 2), events=events, where=where, limit=10, time_in_ms=True
        ) as stream:
            assert list(stream) == [ROW] * 3
        request = served.requests[0]
    assert request.path == "/api/2.0/export"
    assert request.query == {
        "project_id": "2384945",
        "from_date": "2026-07-01",
        "to_date": "2026-07-02",
        "event": '["Purchase, Ø","a\\"b&c"]',
        "where": where,
        "limit": "10",
        "time_in_ms": "true",
    }
    settings = MixpanelSettings("svc.mp-service-account", SECRET, 1)
    assert request.headers["Authorization"] == f"Basic {settings.basic_token}"
    assert request.headers["Accept-Encoding"] == "gzip"
    assert request.headers["X-Original-Host"] == "data-eu.mixpanel.com"
    assert request.headers["User-Agent"].startswith("mixpanel-aep/")


@pytest.mark.unit
def test_an_invalid_request_is_not_sent() -> None:
    asked = MixpanelClient(MixpanelSettings("svc", SECRET, 1))
    with pytest.raises(RequestRefused, match="before it begins"), asked.export(DAY, date(2026, 6, 30)):
        pass
    for limit in (0, 100_001):
        with pytest.raises(RequestRefused, match="limit"), asked.export(DAY, DAY, limit=limit):
            pass


class Tickets:
    """A budget that counts, and is exhausted after some requests."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.paused: float | None = None
        self.taken = 0

    def acquire(self) -> None:
        if self.taken == self.left:
            raise Throttled("The budget is used up.", wait_seconds=900)
        self.taken += 1

    def pause(self, seconds: float) -> None:
        self.paused = seconds


@pytest.mark.sandbox
def test_every_attempt_takes_a_ticket(fake_clock: FakeClock) -> None:
    tickets = Tickets(3)
    with serve_http(script(Reply(500))) as served:
        with pytest.raises(Throttled) as caught:
            export(served, fake_clock, budget=tickets)
        assert len(served.requests) == tickets.taken == 3
    assert caught.value.wait_seconds == 900


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("header", "paused"), [("7", 7.0), ("1000000000", 3600.0), ("", None), ("soon", None)]
)
def test_what_mixpanel_asks_of_one_worker_is_noted_for_all(
    fake_clock: FakeClock, header: str, paused: float | None
) -> None:
    tickets = Tickets(9)
    with (
        serve_http(
            script(Reply(429, headers={"Retry-After": header} if header else {}), Reply(200))
        ) as served,
        contextlib.suppress(Throttled),
    ):
        export(served, fake_clock, budget=tickets)
    assert tickets.paused == paused


@pytest.mark.sandbox
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 429, 500])
def test_a_response_that_echoes_our_credentials_is_not_repeated(fake_clock: FakeClock, status: int) -> None:
    def echo(request: Request) -> Reply:
        said = f"<p>{request.headers['Authorization']} {SECRET} {request.headers['Authorization'][6:]}"
        return Reply(status, said.encode(), {"Location": f"http://127.0.0.1:1/?{SECRET}"})

    with serve_http(echo) as served, pytest.raises(PipelineError) as caught:
        export(served, fake_clock)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value)
    token = MixpanelSettings("svc.mp-service-account", SECRET, 1).basic_token
    assert SECRET not in shown.replace(f'SECRET = "{SECRET}"', "")
    assert token not in shown
    chain: BaseException | None = caught.value
    while chain is not None:
        assert SECRET not in str(chain)
        assert "project_id=" not in str(chain)
        chain = chain.__cause__ or chain.__context__


@pytest.mark.sandbox
def test_an_error_code_equal_to_our_secret_is_not_shown(fake_clock: FakeClock) -> None:
    words = r"HTTP 418, code \*\*\*"
    echo = Reply.json({"code": SECRET}, 418)
    with serve_http(script(echo)) as served, pytest.raises(RequestRefused, match=words) as caught:
        export(served, fake_clock)
    assert SECRET not in str(caught.value)


@pytest.mark.sandbox
def test_me(fake_clock: FakeClock) -> None:
    projects = {"2384945": {"name": "Shop", "timezone": "Europe/Berlin", "organization_id": 7}}
    answer = {"status": "ok", "results": {"projects": projects, "organizations": {"7": {"name": "Acme"}}}}
    with serve_http(script(Reply.json(answer))) as served:
        me = client(served, fake_clock).me()
        assert served.requests[0].path == "/api/app/me"
        assert served.requests[0].headers["X-Original-Host"] == "eu.mixpanel.com"
    assert me.project_visible
    assert (me.project_name, me.timezone, me.organization) == ("Shop", "Europe/Berlin", "Acme")


@pytest.mark.sandbox
@pytest.mark.parametrize("results", [{}, {"projects": {"1": {"name": "x"}}}, {"projects": []}, None, [1]])
def test_me_without_the_project(fake_clock: FakeClock, results: object) -> None:
    with serve_http(script(Reply.json({"results": results}))) as served:
        assert not client(served, fake_clock).me().project_visible


@pytest.mark.sandbox
def test_cookies_are_not_kept(fake_clock: FakeClock) -> None:
    biscuit = Reply.json({"results": {}}, Set_Cookie="session=thief; Path=/")
    with serve_http(script(biscuit)) as served:
        asked = client(served, fake_clock)
        asked.me()
        asked.me()
        assert [request.headers["Cookie"] for request in served.requests] == [None, None]


@pytest.mark.sandbox
def test_me_is_retried_after_invalid_json(fake_clock: FakeClock) -> None:
    with serve_http(script(Reply(200, b"<html>"), Reply.json({"results": {}}))) as served:
        client(served, fake_clock).me()
        assert len(served.requests) == 2


@pytest.mark.unit
def test_only_a_code_of_an_error_body_is_shown() -> None:
    assert error_code('{"error_code":"403025","message":"secret"}') == ", code 403025"
    assert error_code('{"title":"BadRequestError"}') == ", code BadRequestError"
    assert error_code('{"title":"a person\'s name"}') == error_code("<html>") == error_code("") == ""
