"""The lake's facts about one day: its ledger, and the counts in the manifests behind the newest load."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from include.aep.decide import active_records, refused_rows
from include.lake.history import History
from include.lake.keys import PartitionKey
from include.lake.ledger import LedgerRecord
from include.lake.manifest import Manifest, StepName
from include.lake.manifests import lineage
from include.steps.history.day_states import Progress, progress_of
from include.steps.quarantine_records import REFUSED, refused_files

_MOST_REASONS = 5


class BatchFacts(msgspec.Struct, frozen=True):
    """One batch that the ledger calls active. ``late``: it was loaded in addition to an earlier one."""

    id: str
    rows: int
    at: str
    run: str
    late: bool = False


class Counts(msgspec.Struct, frozen=True):
    """The events of a day by their outcome: ``exported = duplicates + quarantined + valid``.

    ``exported`` includes lines that are not events. ``refused`` rows are valid, but not active.
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
    """Rows of the newest load, active or not."""
    refused: int = 0
    """Rows that AEP refused while it ingested others of their batch: in quarantine, and in no active batch."""

    @property
    def not_sent(self) -> int:
        """The number of events in quarantine."""
        return self.quarantined + self.refused


class DayFacts(msgspec.Struct, frozen=True):
    """A day as its ledger and its manifests describe it. ``number``: the number of the ledger's newest record."""

    number: int
    at: str
    """When the newest record was written, ISO 8601."""
    progress: Progress = "none"
    trouble: str = ""
    counts: Counts = Counts()
    batches: tuple[BatchFacts, ...] = ()
    reasons: dict[str, int] = {}
    """The most frequent reasons for quarantine, each with its number of events."""
    quarantine: tuple[str, ...] = ()
    """The keys of the quarantine files of the newest load."""
    report: str = ""
    exported_at: str = ""
    first_active_at: str = ""
    schema_version: str = ""
    bytes_raw: int = 0
    bytes_made: int = 0
    """The size of the files that transform, validate and stage wrote for the newest load; each file counts once."""
    properties: tuple[str, ...] = ()
    """Names of properties without a mapping. Only of facts that were just read; the index keeps each name once."""
    not_converted: tuple[str, ...] = ()
    """Columns with values of another type than the column's, which were set to null; kept as ``properties`` are."""


def read_facts(history: History, pipeline: str, day: date) -> DayFacts | None:
    """Return the facts of a day, or None if the day has no ledger. This reads about seven small objects.

    Raises:
        BadManifest: the ledger or a manifest cannot be read.
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
        quarantine=(*_quarantine(chain), *refused_files(PartitionKey(pipeline, day), records)),
        report=str(chain["validate"].details.get("report", "")) if "validate" in chain else "",
        exported_at=export.created_at if export else "",
        first_active_at=_first_active(records),
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
    from include.xdm.events.line_parser import REASONS

    found: dict[str, int] = {REFUSED: refused} if refused else {}
    if "transform" in chain:
        for name, count in chain["transform"].details.get("reasons", {}).items():
            found[REASONS.get(name, name)] = count
    if "validate" in chain:
        found |= chain["validate"].details.get("reasons", {})
    return dict(sorted(found.items(), key=lambda item: -item[1])[:_MOST_REASONS])


def _quarantine(chain: Mapping[StepName, Manifest]) -> tuple[str, ...]:
    named = (chain[step].details.get("quarantine") for step in ("transform", "validate") if step in chain)
    return tuple(str(file["key"]) for file in named if file)


def _first_active(records: list[LedgerRecord]) -> str:
    return next((record.at for record in records if record.kind in ("active", "empty")), "")
