"""Reads what the board shows about one day from the lake: from its ledger and the manifests of its newest load."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from include.lake.history import History
from include.lake.keys import PartitionKey
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records, refused_rows
from include.lake.manifest import Manifest, StepName
from include.lake.manifests import lineage
from include.steps.history.day_states import Progress, progress_of
from include.steps.quarantine_records import REFUSED, refused_files

_MAX_REASONS = 5


class BatchFacts(msgspec.Struct, frozen=True):
    """One batch that is active by the ledger.

    Attributes:
        id: the id of the batch in AEP.
        rows: the number of its active rows.
        at: when it was recorded as active, in ISO 8601.
        run: the id of the run that loaded it.
        late: whether it was loaded in addition to an earlier batch of the day.
    """

    id: str
    rows: int
    at: str
    run: str
    late: bool = False


class Counts(msgspec.Struct, frozen=True):
    """What happened to the events of a day, in numbers.

    ``exported`` is the sum of ``duplicates``, ``quarantined`` and ``valid``.

    Attributes:
        exported: the lines that Mixpanel returned, including lines that are not events.
        duplicates: the events that another event with the same ``_id`` replaces.
        quarantined: the lines that transform and validate refused, including lines that are not events.
        valid: the rows that can be loaded.
        active: the rows in active batches.
        late: those of the active rows that were loaded in addition to an earlier batch of the day.
        changed: the active rows whose event has other contents in the newest load.
        vanished: the active rows whose event is not in the newest load.
        staged: the rows that the newest load staged for AEP, whether they are active or not.
        refused: the valid rows that AEP refused while it ingested the other rows of their batch.
    """

    exported: int = 0
    duplicates: int = 0
    quarantined: int = 0
    valid: int = 0
    active: int = 0
    late: int = 0
    changed: int = 0
    vanished: int = 0
    staged: int = 0
    refused: int = 0

    @property
    def not_sent(self) -> int:
        """The number of lines in quarantine, including the rows that AEP refused."""
        return self.quarantined + self.refused


class DayFacts(msgspec.Struct, frozen=True):
    """What the board shows about one day, from its ledger and from the manifests of its newest load.

    The board's index in the lake contains these objects, so the names of the attributes must not change.
    """

    number: int
    """The number of the ledger's newest record; 0 without a ledger."""
    at: str
    """When the newest record was written, in ISO 8601."""
    progress: Progress = "none"
    """What the ledger records after the active loads, such as ``waiting`` (a run has begun) or ``failed``."""
    trouble: str = ""
    """Why the ledger or a manifest cannot be read; empty if they can."""
    counts: Counts = Counts()
    batches: tuple[BatchFacts, ...] = ()
    """The batches that are active according to the ledger, the oldest first."""
    reasons: dict[str, int] = {}
    """The five most frequent reasons for quarantine, each with its number of events."""
    quarantine: tuple[str, ...] = ()
    """The keys of the quarantine files of the newest load."""
    report: str = ""
    """The key of the quality report of the newest load."""
    exported_at: str = ""
    """When the export of the newest load was finished, in ISO 8601."""
    first_active_at: str = ""
    """When the first batch of the day became active, or the day was found empty, in ISO 8601."""
    schema_version: str = ""
    bytes_raw: int = 0
    """The size of the export's files, in bytes."""
    bytes_made: int = 0
    """The size of the files that transform, validate and stage wrote for the newest load, in bytes."""
    properties: tuple[str, ...] = ()
    """The names of the properties without a mapping. Empty in the index, which stores each name once for all days."""
    not_converted: tuple[str, ...] = ()
    """The columns in which values were set to null because they have another type. Empty in the index as well."""


def read_facts(history: History, pipeline: str, day: date) -> DayFacts | None:
    """Read the facts about a day, from about seven small objects of the lake; return None if the day has no ledger.

    Args:
        history: the history of the pipeline's dataset.
        pipeline: the pipeline's name.
        day: the day.

    Raises:
        BadManifest: the ledger or a manifest is invalid.
        LakeError: the lake cannot be read.
    """
    records = history.ledger(day).records()
    if not records:
        return None
    last, active = records[-1], active_records(records)
    staged = (active[-1] if active else last).staged
    chain = lineage(history.lake, PartitionKey(pipeline, day), "stage", staged)
    made = [manifest for step, manifest in chain.items() if step != "export"]
    batches = tuple(
        BatchFacts(
            str(each.batch),
            each.counts.get("active", 0),
            each.at,
            each.run,
            late=number > 0 and not each.replaces,
        )
        for number, each in enumerate(active)
    )
    export, mapped = chain.get("export"), chain.get("transform")
    return DayFacts(
        number=last.number,
        at=last.at,
        progress=progress_of(records),
        counts=_counts(chain, batches, refused_rows(records)),
        batches=batches,
        reasons=_reasons(chain, refused_rows(records)),
        quarantine=(*_quarantine_keys(chain), *refused_files(PartitionKey(pipeline, day), records)),
        report=str(chain["validate"].details.get("report", "")) if "validate" in chain else "",
        exported_at=export.created_at if export else "",
        first_active_at=_first_active_at(records),
        schema_version=str(mapped.details.get("schema_version", "")) if mapped else "",
        bytes_raw=sum(file.bytes for file in export.files) if export else 0,
        bytes_made=sum({file.key: file.bytes for manifest in made for file in manifest.files}.values()),
        properties=tuple(mapped.details.get("unmapped", {})) if mapped else (),
        not_converted=tuple(mapped.details.get("not_converted", {})) if mapped else (),
    )


def _counts(chain: Mapping[StepName, Manifest], batches: tuple[BatchFacts, ...], refused: int) -> Counts:
    mapped, valid, staged = (
        chain[step].counts if step in chain else {} for step in ("transform", "validate", "stage")
    )
    return Counts(
        exported=mapped.get("exported", 0) + mapped.get("not_events", 0),
        duplicates=mapped.get("duplicates", 0),
        quarantined=mapped.get("quarantined", 0) + valid.get("quarantined", 0),
        valid=valid.get("valid", 0),
        active=sum(batch.rows for batch in batches),
        late=sum(batch.rows for batch in batches if batch.late),
        changed=staged.get("changed", 0),
        vanished=staged.get("vanished", 0),
        staged=staged.get("staged", 0),
        refused=refused,
    )


def _reasons(chain: Mapping[StepName, Manifest], refused: int) -> dict[str, int]:
    """Return the five most frequent reasons for quarantine, each with its number of events.

    ``chain``: the manifests of the newest load by step. ``refused``: the number of rows that AEP refused.
    """
    from include.xdm.events.line_parser import REASONS

    found: dict[str, int] = {REFUSED: refused} if refused else {}
    if "transform" in chain:
        for name, count in chain["transform"].details.get("reasons", {}).items():
            found[REASONS.get(name, name)] = count
    if "validate" in chain:
        found |= chain["validate"].details.get("reasons", {})
    return dict(sorted(found.items(), key=lambda item: -item[1])[:_MAX_REASONS])


def _quarantine_keys(chain: Mapping[StepName, Manifest]) -> tuple[str, ...]:
    named = (chain[step].details.get("quarantine") for step in ("transform", "validate") if step in chain)
    return tuple(str(file["key"]) for file in named if file)


def _first_active_at(records: list[LedgerRecord]) -> str:
    return next((record.at for record in records if record.kind in ("active", "empty")), "")
