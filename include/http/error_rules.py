"""What a refusal means: a table per service from status and body to an error, and to what is done next."""

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
    """What the client does after a refusal, before anybody hears of it."""

    FAIL = "fail"
    BACK_OFF = "back off"
    """Again after Retry-After, or after an exponentially growing time. Only when the call may be repeated."""
    SLOW_DOWN = "slow down"
    """As BACK_OFF, and for every call: the service says that it has not begun."""
    REFRESH = "refresh"
    """Once more with a new token, then FAIL."""


@dataclass(frozen=True)
class ErrorRule:
    """One row: ``sentence`` and ``hint`` are templates over the client's facts, ``{status}``, ``{what}``, ``{code}``."""

    statuses: Container[int]
    body: str
    """A regular expression, searched without regard to case in the first bytes of the body; "" fits every body."""
    error: type[PipelineError]
    sentence: str
    hint: str
    action: RetryAction = RetryAction.FAIL

    def fits(self, status: int, body: str) -> bool:
        """Whether this row is about an answer."""
        return status in self.statuses and re.search(self.body, body, re.IGNORECASE) is not None

    def make(self, facts: Mapping[str, str], wait_seconds: float) -> PipelineError:
        """The error, in words; ``wait_seconds`` is used by Throttled alone."""
        sentence, hint = self.sentence.format_map(facts), self.hint.format_map(facts)
        if issubclass(self.error, Throttled):
            return self.error(sentence, hint, wait_seconds=wait_seconds)
        return self.error(sentence, hint)


REDIRECT = ErrorRule(
    range(300, 400),
    "",
    RedirectRefused,
    "{service} answered with a redirect (HTTP {status}) when asked to {what}; it was not followed.",
    "Credentials are sent to {service}'s own hosts only: look for a proxy between this machine and {service}.",
)

SERVER = ErrorRule(
    (408, *range(500, 600)),
    "",
    ServiceUnavailable,
    "{service} could not {what} (HTTP {status}).",
    "Nothing is wrong on this side; the task may be run again.",
    RetryAction.BACK_OFF,
)

SERVER_BUSY = ErrorRule(
    {503},
    "",
    ServiceUnavailable,
    "{service} is too busy to {what} (HTTP {status}).",
    "Nothing is wrong on this side; the task may be run again.",
    RetryAction.SLOW_DOWN,
)

REFUSED = ErrorRule(
    range(1000),
    "",
    RequestRefused,
    "{service} refused to {what} (HTTP {status}{code}).",
    "Running it again will not help; compare the configuration of {conn_id} and of the pipeline.",
)

_CODE = re.compile(r'"(?:error_code|code|title)"\s*:\s*"([A-Za-z0-9-]{3,40})"')


def error_code(body: str) -> str:
    """The machine-readable code in an error body as ", code X", or ""; never any of its prose."""
    match = _CODE.search(body)
    return f", code {match[1]}" if match else ""


def rule_for(rules: Sequence[ErrorRule], status: int, body: str) -> ErrorRule:
    """The first row that fits; every table ends with REFUSED, so there is one."""
    return next(rule for rule in (*rules, REFUSED) if rule.fits(status, body))


def may_retry(rule: ErrorRule, *, idempotent: bool) -> bool:
    """Whether the client itself sends a call again after this refusal."""
    if rule.action is RetryAction.BACK_OFF:
        return idempotent and issubclass(rule.error, Transient)
    return rule.action is RetryAction.SLOW_DOWN
