"""The HTTP client of one service, which retries failed requests and raises this project's errors without secrets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from include.clock import SYSTEM_CLOCK, Clock
from include.errors import PipelineError, ServiceUnavailable, Throttled
from include.http.backoff import deferral_seconds, next_wait, retry_after_seconds
from include.http.error_rules import REDIRECT, RetryAction, error_code, may_retry, rule_for
from include.http.network import network_hint
from include.http.request import Body, HttpRequest, RetryPolicy, Service
from include.http.response import Response, StreamedResponse, TimeLimit, error_text
from include.http.session import new_session
from include.redact import one_line, scrub

log = logging.getLogger(__name__)
T = TypeVar("T")
_NETWORK = (requests.RequestException, urllib3.exceptions.HTTPError)


@dataclass(frozen=True)
class _Failure:
    """The error of a failed attempt, and whether to retry the request.

    Attributes:
        error: the error to raise if the request is not retried.
        again: whether the request may be retried.
        wait_seconds: the delay that the service requested; None if it did not.
        token_discarded: whether the access token was discarded, so that the request is retried at once with a new
            token.
    """

    error: PipelineError
    again: bool
    wait_seconds: float | None = None
    token_discarded: bool = False


class HttpClient:
    """Sends requests to one service, and retries them as its error rules and the retry policy say. Not thread-safe."""

    def __init__(
        self, service: Service, clock: Clock = SYSTEM_CLOCK, retry_policy: RetryPolicy | None = None
    ) -> None:
        self._service = service
        self._clock = clock
        self._retry_policy = retry_policy or RetryPolicy()
        self._limit = TimeLimit(clock, self._retry_policy.body_seconds)
        self._session = new_session()

    def send(self, request: HttpRequest) -> Response:
        """Send a request and return the response, after its body has been read into memory.

        Raises:
            PipelineError: the error of the service's first error rule that matches the response.
            ServiceUnavailable: the service cannot be reached.
        """
        return self.fetch(request, lambda response: response)

    def fetch(self, request: HttpRequest, read: Callable[[Response], T]) -> T:
        """Send a request and return ``read(response)``.

        An idempotent request is also retried if ``read`` raises ServiceUnavailable.

        Raises:
            PipelineError: an error of ``send``, or any other error of ``read``.
        """
        return self._run(request, lambda response: read(Response.read(response, self._limit)))

    def stream(self, request: HttpRequest) -> StreamedResponse:
        """Send a request and return the response when its first bytes have arrived; the caller reads the rest.

        The request is not retried if the connection breaks while the rest is read.

        Raises:
            PipelineError: an error of ``send``.
        """
        return self._run(request, StreamedResponse.begin)

    def close(self) -> None:
        """Close the client's connections to the service."""
        self._session.close()

    def _run(self, request: HttpRequest, take: Callable[[requests.Response], T]) -> T:
        """Attempt the request until one succeeds, and return ``take(response)``; or raise the last attempt's error."""
        token_discarded = False

        def attempt() -> T | _Failure:
            nonlocal token_discarded
            result = self._attempt(request, take, may_discard_token=not token_discarded)
            token_discarded = token_discarded or (isinstance(result, _Failure) and result.token_discarded)
            return result

        # An attempt returns its failure instead of raising it: an error that is raised here must not have an exception
        # of requests in its context, because the text of such an exception contains the URL.
        outcome: T | _Failure = Retrying(
            retry=retry_if_result(lambda result: isinstance(result, _Failure) and result.again),
            stop=stop_after_attempt(self._retry_policy.attempts),
            wait=_wait,
            sleep=self._clock.sleep,
            before_sleep=_log_failure,
            retry_error_callback=_result,
        )(attempt)
        if isinstance(outcome, _Failure):
            raise outcome.error
        return outcome

    def _attempt(
        self, request: HttpRequest, take: Callable[[requests.Response], T], *, may_discard_token: bool
    ) -> T | _Failure:
        if request.before:
            request.before()
        headers = {**self._service.headers(), **request.headers}
        try:
            response = self._request(request, headers)
            if 200 <= response.status_code < 300:
                return take(response)
        except ServiceUnavailable as error:
            return _Failure(error, request.idempotent)
        except _NETWORK as fault:
            return _Failure(
                self._unreachable_error(request, fault), request.idempotent or _was_never_sent(fault)
            )
        return self._failure_of_response(request, response, may_discard_token=may_discard_token)

    def _request(self, request: HttpRequest, headers: Mapping[str, str]) -> requests.Response:
        with _body(request) as body:
            return self._session.request(
                request.method,
                request.url,
                params=dict(request.params),
                headers=dict(headers),
                data=body,
                timeout=(
                    self._retry_policy.connect_seconds,
                    request.idle_seconds or self._retry_policy.idle_seconds,
                ),
                allow_redirects=False,
                stream=True,
            )

    def _unreachable_error(self, request: HttpRequest, fault: Exception) -> ServiceUnavailable:
        """Return the error for a request that received no response.

        The message contains the class of the exception and the host, but not the exception's text, which contains the
        URL.
        """
        fault_name = type(fault).__name__
        host = urlsplit(request.url).netloc
        return self._service.unavailable(
            f"{self._service.name} could not be reached to {request.what} ({fault_name} at {host}).",
            network_hint(fault_name),
        )

    def _failure_of_response(
        self, request: HttpRequest, response: requests.Response, *, may_discard_token: bool
    ) -> _Failure:
        """Return the failure for an error response, by the first error rule of the service that matches it.

        ``may_discard_token``: whether a rejected access token may be discarded, which is done once for each request.
        """
        body = error_text(response, self._limit)
        rule = rule_for((REDIRECT, *self._service.rules), response.status_code, body)
        requested = retry_after_seconds(response.headers.get("Retry-After"), self._clock.now())
        facts = {
            "service": self._service.name,
            "what": request.what,
            "status": str(response.status_code),
            "code": error_code(body),
            **self._service.facts,
            **request.facts,
        }
        secrets = tuple(self._service.secrets())
        error = rule.make(
            {name: scrub(text, secrets) for name, text in facts.items()}, deferral_seconds(requested)
        )
        if rule.action is RetryAction.REFRESH and self._service.discard_token and may_discard_token:
            self._service.discard_token()
            return _Failure(error, again=True, token_discarded=True)
        if isinstance(error, Throttled) and requested is not None and request.on_retry_after is not None:
            request.on_retry_after(deferral_seconds(requested))
        again = may_retry(rule, idempotent=request.idempotent)
        if again and requested is not None and requested > self._retry_policy.longest_wait_seconds:
            return _Failure(
                Throttled(error.sentence, error.hint, wait_seconds=deferral_seconds(requested)), again=False
            )
        return _Failure(error, again, requested)


@contextmanager
def _body(request: HttpRequest) -> Iterator[bytes | Body | None]:
    if request.open_body is None:
        yield request.content
        return
    with closing(request.open_body()) as body:
        yield body


def _was_never_sent(fault: Exception) -> bool:
    """Return whether the connection could not be opened, so that the service has not received the request."""
    if isinstance(fault, requests.ConnectTimeout):
        return True
    reason = getattr(fault.args[0] if fault.args else None, "reason", None)
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def _result(state: RetryCallState) -> object:
    assert state.outcome is not None
    return state.outcome.result()


def _wait(state: RetryCallState) -> float:
    failure = _result(state)
    assert isinstance(failure, _Failure)
    return 0.0 if failure.token_discarded else next_wait(state, failure.wait_seconds)


def _log_failure(state: RetryCallState) -> None:
    failure = _result(state)
    assert isinstance(failure, _Failure)
    wait = state.next_action.sleep if state.next_action else 0.0
    log.info(
        "%s Retrying (attempt %d) in %.0f s.",
        one_line(failure.error.sentence, 300),
        state.attempt_number + 1,
        wait,
    )
