"""Error rules, by which the HTTP client maps an error response to an error of this project and decides about a retry.

Each service has a table of rules (``include/aep/errors.py``, ``include/mixpanel/errors.py``).
"""

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
    """What the client does after an error response."""

    FAIL = "fail"
    """Raise the error without a retry."""
    BACK_OFF = "back off"
    """Retry an idempotent request after the delay in Retry-After, or after an exponentially growing time."""
    SLOW_DOWN = "slow down"
    """Like BACK_OFF, but also retry a request that is not idempotent, because the service has not executed it."""
    REFRESH = "refresh"
    """Retry once with a new access token, then raise the error."""


@dataclass(frozen=True)
class ErrorRule:
    """One row of a service's table of errors: which responses it matches, and the error and action for them.

    Attributes:
        statuses: the HTTP statuses that the rule matches.
        body: a regular expression that is searched in the beginning of the body, in any case; "" matches every body.
        error: the class of the error.
        sentence: the error's sentence, a format string with the fields ``service``, ``what``, ``status``, ``code``, and
            the ``facts`` of the service and of the request.
        hint: the error's hint, a format string with the same fields.
        action: what the client does.
    """

    statuses: Container[int]
    body: str
    error: type[PipelineError]
    sentence: str
    hint: str
    action: RetryAction = RetryAction.FAIL

    def fits(self, status: int, body: str) -> bool:
        """Return whether the rule matches a response with this HTTP status; ``body`` is the beginning of its body."""
        return status in self.statuses and re.search(self.body, body, re.IGNORECASE) is not None

    def make(self, facts: Mapping[str, str], wait_seconds: float) -> PipelineError:
        """Return the rule's error, with ``facts`` in its sentence and hint; only Throttled uses ``wait_seconds``."""
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
    """Return the error code in the JSON body of a response as ", code X" for a message; "" if it is not found.

    Messages contain no other text of the body.
    """
    match = _CODE.search(body)
    return f", code {match[1]}" if match else ""


def rule_for(rules: Sequence[ErrorRule], status: int, body: str) -> ErrorRule:
    """Return the first of ``rules`` that matches a response; REFUSED if none of them does."""
    return next(rule for rule in (*rules, REFUSED) if rule.fits(status, body))


def may_retry(rule: ErrorRule, *, idempotent: bool) -> bool:
    """Return whether a request is retried after a delay, by the action of ``rule``; False for FAIL and REFRESH.

    ``idempotent``: whether the service may execute the request twice.
    """
    if rule.action is RetryAction.BACK_OFF:
        return idempotent and issubclass(rule.error, Transient)
    return rule.action is RetryAction.SLOW_DOWN
