"""Error rules: a table per service maps the status and body of a response to an error and the client's next action."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from include.errors import (
    PipelineError,
    RedirectRefused,
    RequestRefused,
    ServiceUnavailable,
    Throttled,
    Transient,
)


class RetryAction(Enum):
    """What the client does after an error response, before it raises the error."""

    FAIL = "fail"
    BACK_OFF = "back off"
    """Retry an idempotent request after the time in Retry-After, or after an exponentially growing time."""
    SLOW_DOWN = "slow down"
    """Like BACK_OFF, but also for a request that is not idempotent: the service states that it did not process it."""
    REFRESH = "refresh"
    """Retry once with a new token, then FAIL."""


@dataclass(frozen=True)
class ErrorRule:
    """One row of an error table: the responses that it matches, and the error and action for them.

    ``sentence`` and ``hint`` are format strings; their fields are ``status``, ``what``, ``code``, ``service`` and the
    ``facts`` of the service and of the request.
    """

    statuses: Container[int]
    body: str
    """A regular expression, searched case-insensitively in the first bytes of the body; "" matches every body."""
    error: type[PipelineError]
    sentence: str
    hint: str
    action: RetryAction = RetryAction.FAIL

    def fits(self, status: int, body: str) -> bool:
        """Return whether this rule applies to a response with this HTTP status and beginning of the body."""
        return status in self.statuses and re.search(self.body, body, re.IGNORECASE) is not None

    def make(self, facts: Mapping[str, str], wait_seconds: float) -> PipelineError:
        """Return the error with its sentence and hint filled in; only Throttled uses ``wait_seconds``."""
        sentence, hint = self.sentence.format_map(facts), self.hint.format_map(facts)
        if issubclass(self.error, Throttled):
            return self.error(sentence, hint, wait_seconds=wait_seconds)
        return self.error(sentence, hint)


REDIRECT = ErrorRule(
    range(300, 400),
    "",
    RedirectRefused,
    "{service} responded with a redirect (HTTP {status}) to the request to {what}; it was not followed.",
    "Credentials are sent to {service}'s own hosts only. Check for a proxy between this machine and {service}.",
)

SERVER = ErrorRule(
    (408, *range(500, 600)),
    "",
    ServiceUnavailable,
    "{service} could not {what} (HTTP {status}).",
    "The failure is on the side of the service. Run the task again.",
    RetryAction.BACK_OFF,
)

SERVER_BUSY = ErrorRule(
    {503},
    "",
    ServiceUnavailable,
    "{service} is too busy to {what} (HTTP {status}).",
    "The failure is on the side of the service. Run the task again.",
    RetryAction.SLOW_DOWN,
)

REFUSED = ErrorRule(
    range(1000),
    "",
    RequestRefused,
    "{service} refused to {what} (HTTP {status}{code}).",
    "A retry will not help. Check the configuration of {conn_id} and of the pipeline.",
)

_CODE = re.compile(r'"(?:error_code|code|title)"\s*:\s*"([A-Za-z0-9-]{3,40})"')


def error_code(body: str) -> str:
    """Return the machine-readable code of an error body as ", code X", or ""; no other text of the body is used."""
    match = _CODE.search(body)
    return f", code {match[1]}" if match else ""


def rule_for(rules: Sequence[ErrorRule], status: int, body: str) -> ErrorRule:
    """Return the first of ``rules`` that matches a response, or REFUSED if none matches."""
    return next(rule for rule in (*rules, REFUSED) if rule.fits(status, body))


def may_retry(rule: ErrorRule, *, idempotent: bool) -> bool:
    """Return whether the client retries a request after the error of ``rule``; False for FAIL and REFRESH."""
    if rule.action is RetryAction.BACK_OFF:
        return idempotent and issubclass(rule.error, Transient)
    return rule.action is RetryAction.SLOW_DOWN
