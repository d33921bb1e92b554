"""Settings of Query Service: its limits, and where documents are silent or disagree."""

from __future__ import annotations

from dataclasses import dataclass, field

from mixpanel_aep_sandbox.aep.core.setting_fields import KIND, LIMIT, SECONDS, choice
from mixpanel_aep_sandbox.core.state import SandboxState

QUERY_KEY = "query"


@dataclass(frozen=True)
class QuerySettings:
    """Times are seconds of the sandbox's clock; None means no limit."""

    query_permission: str = choice("granted", "missing")
    """Whether the credential's role has the permission Manage Queries (EP:query-service/ui/credentials.md)."""
    query_licence: str = choice("granted", "missing")
    """Whether the organization's licence includes Query Service [I: the response without it]."""
    query_logins: str = choice("both", "token", "credential", "none")
    """The passwords that are accepted: an access token of IMS, a non-expiring credential, both or none."""
    query_credential_days: int | None = field(default=90, metadata=LIMIT)
    """Days without use after which a non-expiring credential is dropped (EP:query-service/ui/credentials.md)."""
    query_sessions: int | None = field(default=1, metadata=LIMIT)
    """Concurrent sessions of an organization: 1 with RT-CDP and AJO, 5 with CJA (EP:query-service/packaging.md)."""
    query_concurrency: int | None = field(default=1, metadata=LIMIT)
    """Concurrent queries of an organization (EP:query-service/packaging.md)."""
    query_over_concurrency: str = choice("queued", "refused")
    """A query above the limit: ``queued`` until another one ends (EP:query-service/guardrails.md), or ``refused``
    with 53000 [I]."""
    query_limit_seconds: float | None = field(default=600.0, metadata={"is": (int, float, type(None))})
    """A longer query ends with error 53400 (EP:query-service/guardrails.md: 10 minutes)."""
    query_takes_seconds: float = field(default=0.0, metadata=SECONDS)
    """Minimum duration of a query; with a frozen clock, it ends when the clock is advanced."""
    query_table_seconds: float = field(default=0.0, metadata=SECONDS)
    """Time from the first active batch of a dataset until queries find its table [I]."""
    query_rows: int | None = field(default=50_000, metadata=LIMIT)
    """Maximum rows of a result, which is cut without an error (EP:query-service/guardrails.md)."""
    query_explicit_limit: str = choice("honoured", "capped")
    """A ``LIMIT`` above ``query_rows``: ``honoured``, as results are cut "unless an explicit limit is specified"
    (EP:query-service/troubleshooting-guide.md), or ``capped``, as guardrails.md calls it system-enforced."""
    query_largest_limit: int | None = field(default=100_000, metadata=LIMIT)
    """A larger ``LIMIT`` is refused with 53400 (EP:query-service/troubleshooting-guide.md)."""
    query_physical_batches: str = choice("each", "merged")
    """``_acp_batchid``, the batch after the lake's own merging: one for ``each`` source batch, or all batches of a
    dataset ``merged`` into one (EP:query-service/use-cases/data-exploration.md shows both)."""
    data_access: str = choice("served", "retired")
    """``retired``: files of batches are answered with 410 [I]; one page calls the API deprecated, without a date.
    Lists of failed rows are still served."""

    @classmethod
    def of(cls, state: SandboxState) -> QuerySettings:
        """Return the current settings."""
        return cls(**(state.store.get(KIND, QUERY_KEY) or {}))
