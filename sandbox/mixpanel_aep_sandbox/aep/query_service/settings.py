"""Settings of Query Service: its limits, and behaviour that is not documented or described in contradictory ways."""

from __future__ import annotations

from dataclasses import dataclass, field

from mixpanel_aep_sandbox.aep.core.setting_fields import KIND, LIMIT, SECONDS, choice
from mixpanel_aep_sandbox.core.state import SandboxState

QUERY_KEY = "query"


@dataclass(frozen=True)
class QuerySettings:
    """Settings of Query Service. Times are in seconds of the sandbox's clock; None means no limit."""

    query_permission: str = choice("granted", "missing")
    """Whether the credential's role has the permission Manage Queries (EP:query-service/ui/credentials.md)."""
    query_licence: str = choice("granted", "missing")
    """Whether the organization's licence includes Query Service; the response without it is an assumption [I]."""
    query_logins: str = choice("both", "token", "credential", "none")
    """Accepted kinds of passwords: IMS access tokens, non-expiring credentials, both, or none."""
    query_credential_days: int | None = field(default=90, metadata=LIMIT)
    """Days without use after which a non-expiring credential is deleted (EP:query-service/ui/credentials.md)."""
    query_sessions: int | None = field(default=1, metadata=LIMIT)
    """Maximum number of concurrent sessions of an organization: 1 with RT-CDP and AJO, 5 with CJA
    (EP:query-service/packaging.md)."""
    query_concurrency: int | None = field(default=1, metadata=LIMIT)
    """Maximum number of concurrent queries of an organization (EP:query-service/packaging.md)."""
    query_over_concurrency: str = choice("queued", "refused")
    """What happens to a query above the limit: ``queued`` until another query ends (EP:query-service/guardrails.md), or
    ``refused`` with error 53000 (assumed [I])."""
    query_limit_seconds: float | None = field(default=600.0, metadata={"is": (int, float, type(None))})
    """Maximum duration of a query; a longer query ends with error 53400 (EP:query-service/guardrails.md)."""
    query_takes_seconds: float = field(default=0.0, metadata=SECONDS)
    """Minimum duration of a query; with a frozen clock, the query ends when the clock is advanced."""
    query_table_seconds: float = field(default=0.0, metadata=SECONDS)
    """Time from the first active batch of a dataset until queries find its table (assumed [I])."""
    query_rows: int | None = field(default=50_000, metadata=LIMIT)
    """Maximum number of rows of a result; a larger result is truncated without an error
    (EP:query-service/guardrails.md)."""
    query_explicit_limit: str = choice("honoured", "capped")
    """Effect of a ``LIMIT`` above ``query_rows``: ``honoured``, because results are truncated "unless an explicit limit
    is specified" (EP:query-service/troubleshooting-guide.md), or ``capped``, because guardrails.md calls the maximum
    system-enforced."""
    query_largest_limit: int | None = field(default=100_000, metadata=LIMIT)
    """Largest ``LIMIT``; a query with a larger one is rejected with error 53400
    (EP:query-service/troubleshooting-guide.md)."""
    query_physical_batches: str = choice("each", "merged")
    """Values of ``_acp_batchid``, the id of the physical batch in the data lake: a different one for ``each`` source
    batch, or the same one for all batches of a dataset, which the lake has ``merged``. Both occur in
    EP:query-service/use-cases/data-exploration.md."""
    data_access: str = choice("served", "retired")
    """With ``retired``, requests for data files get status 410 (assumed [I]), as one page calls the API deprecated,
    without a date. Rejected rows and diagnostics are still available."""

    @classmethod
    def of(cls, state: SandboxState) -> QuerySettings:
        """Return the current settings of Query Service in the sandbox's store."""
        return cls(**(state.store.get(KIND, QUERY_KEY) or {}))
