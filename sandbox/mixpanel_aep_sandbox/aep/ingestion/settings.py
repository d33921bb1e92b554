"""Settings of Catalog, Identity, Batch Ingestion and Data Access, where documents are silent or disagree."""

from __future__ import annotations

from dataclasses import dataclass, field

from mixpanel_aep_sandbox.aep.core.setting_fields import COUNT, KIND, LIMIT, LIST, SECONDS, choice
from mixpanel_aep_sandbox.core.state import SandboxState

KEY = "ingestion"
_GB = 1000**3


@dataclass(frozen=True)
class IngestSettings:
    """Settings of ingestion and related services. Times are seconds of the sandbox's clock; None means no limit."""

    catalog_lag_seconds: float = field(default=0.0, metadata=SECONDS)
    """Time until Catalog shows a new batch."""
    abandon_seconds: float = field(default=7 * 86400.0, metadata=SECONDS)
    """Time after which a batch that is not completed becomes ``abandoned`` [I]: Adobe documents no time."""
    delete_seconds: float = field(default=86400.0, metadata=SECONDS)
    """Time that a reverted batch remains ``inactive``, and then in each state of ``retire_path`` [I]."""
    retire_path: list[str] = field(default_factory=lambda: ["deleted"], metadata=LIST)
    """States that follow ``inactive``, in order; Adobe also documents ``retained`` and ``archived``."""
    batch_path: list[str] = field(
        default_factory=lambda: ["loaded", "staging", "processing", "staged"], metadata=LIST
    )
    """Statuses of a completed batch before its final status, in order; Adobe also documents ``queued``."""
    failed_status: str = choice("failed", "failure")
    """Status of a failed batch; Adobe uses both words (EP:ingestion/batch-ingestion/troubleshooting.md)."""
    abort_until: str = choice("loaded", "finalized")
    """``loaded``: a batch can be aborted until it is loaded (overview). ``finalized``: it can be aborted until it is
    finalized (developer guide)."""
    missing_input_format: str = choice("refused", "parquet")
    """``inputFormat`` is required in the specification (``refused``); samples of the guides omit it, which means
    ``parquet``."""
    external_ids: str = choice("repeatable", "unique")
    """An ``externalId`` "is expected to be unique within your organization"; whether this is enforced is
    undocumented."""
    duplicates: str = choice("accepted", "refused")
    """``refused``: a batch with the same files as an active batch fails with error 140, "detected as a duplicate"."""
    unknown_fields: str = choice("refused", "dropped")
    """A JSON field that is not in the schema: the row is ``refused``, as "sending data that does not conform to the
    structure of a pre-defined XDM schema will cause ingestion to fail" (EP:ingestion/streaming-ingestion,
    troubleshooting), or only the field is ``dropped`` [I]. A Parquet column always fails the batch."""
    primary_identity: str = choice("required", "optional")
    """Primary identity of a row in a dataset that is enabled for Profile: ``required``, as identity fields are
    "required by default" (EP:xdm/ui/fields/identity.md), or ``optional``: the row is in the lake and not in Profile."""
    future_timestamps: str = choice("refused", "accepted")
    """``timestamp`` "must be in the past" (EP:xdm/classes/experienceevent.md); whether this is enforced is
    undocumented."""
    metrics_of_failed: str = choice("shown", "hidden")
    """``failedRecordCount`` is "generated on all batches", yet metrics are "available for Active/Success"."""
    file_status: int = choice(201, 200)
    """Status for a file that is new in its batch: 201 in the specification, 200 in the guide
    (EP:ingestion/batch-ingestion)."""
    content_range: str = choice("bytes 0-99", "any")
    """Form of Content-Range: ``bytes 0-99``, as documented, or ``any``: also with ``=``, a total size or ``/*`` [I]."""
    chunk_ranges: str = choice("at completion", "at upload")
    """When gaps and overlaps of chunks are reported: ``at completion``, as "range validations are done at the time of
    file completion" (EP:ingestion/batch-ingestion/troubleshooting.md), or ``at upload``: a chunk that does not begin
    at the end of the previous one is answered with 400 [I]."""
    complete_file_status: int = choice(201, 200)
    """Status for a completed large file: 201 in the guide, 200 in the specification."""
    namespace_put_answer: str = choice("object", "array")
    """Form of the response to changing a namespace: the text and the schema of the specification differ."""
    most_files: int = field(default=25_000, metadata=COUNT)
    """Maximum number of files in a batch (EP:ingestion/guardrails.md); older guardrails: 1,500."""
    most_batch_bytes: int = field(default=1000 * _GB, metadata=COUNT)
    """Maximum number of bytes in a batch (EP:ingestion/guardrails.md: 1 TB); older guardrails: 100 GB."""
    batch_limits: str = choice("at ingestion", "at upload")
    """``at ingestion``: a batch above a limit fails (EP:ingestion/guardrails.md). ``at upload``: the file that
    exceeds a limit is answered with 400 [I]."""
    most_fields: int = field(default=10_000, metadata=COUNT)
    """Maximum number of fields in a row."""
    batches_per_minute: int | None = field(default=2000, metadata=LIMIT)
    """Maximum number of batches of one user in a minute (EP:ingestion/guardrails.md); older guardrails: 138."""
    bytes_per_hour: int | None = field(default=20 * _GB, metadata=LIMIT)
    """Maximum number of bytes of one organization in an hour."""
    overload_status: int = choice(429, 503)
    """HTTP status of a request above one of the two rates [I]."""
    profile_batches_per_day: int = field(default=90, metadata=COUNT)
    """Daily limit of batches for all Profile-enabled datasets of an AEP sandbox (EP:ingestion/guardrails.md). Batches
    above the limit are ingested too; ``/_sandbox/aep/profile`` counts them."""
    profile_event_bytes: int = field(default=10_000, metadata=COUNT)
    """Maximum size of an event's JSON that Profile accepts, in bytes (EP:profile/guardrails.md, 10 KB)."""

    @classmethod
    def of(cls, state: SandboxState) -> IngestSettings:
        """Return the settings with the values that the control API has changed."""
        return cls(**(state.store.get(KIND, KEY) or {}))
