"""Rate limits of ingestion (EP:ingestion/guardrails.md). The response above them is not documented [I]."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.errors import Problem, problem
from mixpanel_aep_sandbox.aep.core.scope import BATCHES, AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings

_KIND = "rates"
_MINUTE_MS = 60_000


def admit_batch(scope: AepSandboxScope, client: str) -> None:
    """Raise Problem 429 if a user creates more batches in a minute than the guardrails allow."""
    settings = IngestSettings.of(scope.state)
    limit, since = settings.batches_per_minute, scope.now - _MINUTE_MS
    if limit is None:
        return
    recent = sum(body["created"] > since and body["client"] == client for _, body in scope.items(BATCHES))
    if recent >= limit:
        raise _overload(settings, f"more than {limit} batches in a minute", 60)


def admit_bytes(scope: AepSandboxScope, coming: int = 0) -> None:
    """Raise Problem 429 if an organization sends more in an hour than the guardrails allow."""
    settings = IngestSettings.of(scope.state)
    limit = settings.bytes_per_hour
    if limit is not None and sum(_recent(scope).values()) + coming > limit:
        raise _overload(settings, f"more than {limit} bytes in an hour", 3600)


def count_bytes(scope: AepSandboxScope, size: int) -> None:
    """Count received bytes."""
    minute = str(scope.now // _MINUTE_MS)
    with scope.state.store.transaction():
        recent = _recent(scope)
        scope.put(_KIND, "bytes", {**recent, minute: recent.get(minute, 0) + size})


def _recent(scope: AepSandboxScope) -> dict[str, int]:
    """Return the bytes of the last hour by minute."""
    since = scope.now // _MINUTE_MS - 60
    return {key: size for key, size in (scope.get(_KIND, "bytes") or {}).items() if int(key) > since}


def _overload(settings: IngestSettings, why: str, wait_seconds: int) -> Problem:
    refusal = problem(settings.overload_status, f"Too many requests: {why}. Please try again later.")
    refusal.headers["Retry-After"] = str(wait_seconds)
    return refusal
