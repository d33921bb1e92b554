"""Rate limits of ingestion (EP:ingestion/guardrails.md). Adobe does not document the response above a limit [I]."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.errors import Problem, problem
from mixpanel_aep_sandbox.aep.core.scope import BATCHES, AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings

_KIND = "rates"
_MINUTE_MS = 60_000


def check_batch_rate(scope: AepSandboxScope, client: str) -> None:
    """Check that a client may create another batch.

    Raises:
        Problem: 429 or 503 (a setting) if the client has created the maximum number of batches in the last minute.
    """
    settings = IngestSettings.of(scope.state)
    limit, since = settings.batches_per_minute, scope.now - _MINUTE_MS
    if limit is None:
        return
    recent = sum(body["created"] > since and body["client"] == client for _, body in scope.items(BATCHES))
    if recent >= limit:
        raise _overload_problem(settings, f"more than {limit} batches in a minute", 60)


def check_byte_rate(scope: AepSandboxScope, coming: int = 0) -> None:
    """Check that the hourly limit of received bytes is not exceeded.

    Args:
        scope: The AEP sandbox.
        coming: The number of bytes that will be received, in addition to those of the last hour.

    Raises:
        Problem: 429 or 503 (a setting) if the limit is exceeded.
    """
    settings = IngestSettings.of(scope.state)
    limit = settings.bytes_per_hour
    if limit is not None and sum(_recent(scope).values()) + coming > limit:
        raise _overload_problem(settings, f"more than {limit} bytes in an hour", 3600)


def count_bytes(scope: AepSandboxScope, size: int) -> None:
    """Add ``size`` received bytes to the count of the current minute."""
    minute = str(scope.now // _MINUTE_MS)
    with scope.state.store.transaction():
        recent = _recent(scope)
        scope.put(_KIND, "bytes", {**recent, minute: recent.get(minute, 0) + size})


def _recent(scope: AepSandboxScope) -> dict[str, int]:
    """Return the received bytes of the last hour, keyed by the epoch minute as text."""
    since = scope.now // _MINUTE_MS - 60
    return {key: size for key, size in (scope.get(_KIND, "bytes") or {}).items() if int(key) > since}


def _overload_problem(settings: IngestSettings, why: str, wait_seconds: int) -> Problem:
    """Return the error response for a request above a limit, with the header ``Retry-After``."""
    refusal = problem(settings.overload_status, f"Too many requests: {why}. Please try again later.")
    refusal.headers["Retry-After"] = str(wait_seconds)
    return refusal
