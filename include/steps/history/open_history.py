"""Open the history that a run uses: check the dataset in AEP's catalog, its Mixpanel project, and the earlier loads.

Data version 5 and older stored a partition's ledger below the pipeline's name, without the dataset. The first run that
needs such a ledger copies it, once, into the history of the dataset to which its batches in AEP belong.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from include.aep.client import AepClient
from include.aep.load_id import PIPELINE_TAG
from include.aep.model import Dataset
from include.aep.ownership import Ownership
from include.config.loader import known_pipeline_names
from include.config.model import Pipeline
from include.errors import AnotherPipeline, AnotherSource, BatchUnconfirmed, DatasetMissing
from include.lake.history import History, Source, Target, targets_of_pipeline
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.lake_id import check_lake_id, tagged_lake_id
from include.lake.ledger import Ledger, LedgerRecord
from include.lake.ledger_state import active_records
from include.lake.manifests import lineage
from include.lake.records import create_record, read_record

log = logging.getLogger(__name__)
_CHECKED_DAYS = 10
"""The number of days of a lake of data version 5 or older, newest first, whose dataset and project are checked."""


@dataclass(frozen=True)
class OpenedHistory:
    """The history of a dataset, and the dataset in AEP's catalog.

    ``former``: the other pipeline that owns the dataset, according to the dataset's tag or, without a tag, to its first
    load; None if this pipeline owns it.
    """

    history: History
    dataset: Dataset
    former: str | None = None

    def require_may_replace(self, pipeline: str) -> None:
        """Check that the dataset does not belong to another pipeline, whose active rows must not be removed.

        Raises:
            AnotherPipeline: with the names of both pipelines.
        """
        if self.former is None:
            return
        raise AnotherPipeline(
            f"Dataset {self.dataset['name']!r} belongs to pipeline {self.former}. Pipeline {pipeline} may add rows "
            "to it but not replace any.",
            f"If {self.former} was renamed to {pipeline}, write formerly: {self.former} below aep in {pipeline}.yaml and "
            f"run setup. Otherwise give pipeline {pipeline} a separate dataset. Nothing was sent.",
        )


def open_history(
    lake: Lake,
    pipeline: Pipeline,
    aep: AepClient,
    source: Source,
    day: date | None = None,
    *,
    all_days: bool = False,
    any_lake: bool = False,
) -> OpenedHistory:
    """Open the history of the pipeline's dataset for the partition ``day``, or with ``all_days`` for all partitions.

    One request is sent to AEP; more only if ledgers of data version 5 or older have to be copied. ``any_lake``: accept
    a dataset that was loaded through another lake; ``recover`` needs this, because it repairs that.

    Raises:
        DatasetMissing: AEP has no dataset of that name, or several.
        ForeignLake: the dataset was loaded through another lake.
        AnotherSource: the dataset contains events of another Mixpanel project.
        AnotherPipeline: another pipeline loads into it.
        BatchUnconfirmed: AEP does not respond about a batch that an old ledger names.
    """
    dataset = _require_dataset(lake, pipeline, aep)
    if not any_lake:
        check_lake_id(lake, dataset)
    owned = None if any_lake else lake
    neighbours = known_pipeline_names(pipeline)
    owner = Ownership(pipeline.name, owned, str(source), neighbours)
    owner.require_owner(dataset)
    target = Target(aep.org_id, aep.aep_sandbox, dataset["id"])
    history = History(lake, source, target, tagged_lake_id(dataset))
    bound = history.require_source()
    first = history.bound_pipeline()
    if first is not None and first != pipeline.name and first in neighbours:
        # Also if the dataset has no tags: it was set up by an earlier version.
        raise AnotherPipeline(
            f"Dataset {dataset['name']!r} is loaded by pipeline {first}, not by pipeline {pipeline.name}.",
            f"Give pipeline {pipeline.name} a separate dataset; if {first} was renamed, remove {first}.yaml.",
        )
    old_ledgers = _OldLedgers(history, pipeline, aep)
    if day is not None:
        old_ledgers.copy_day(day)
    if all_days:
        old_ledgers.copy_all_days()
    elif not bound:
        old_ledgers.bind_source()
    former = owner.other_pipeline(dataset) if PIPELINE_TAG in dataset["tags"] else first
    if former in (None, pipeline.name):
        return OpenedHistory(history, dataset)
    log.warning("Dataset %s belongs to pipeline %s; rows are added to its history", dataset["name"], former)
    return OpenedHistory(history, dataset, former)


def _require_dataset(lake: Lake, pipeline: Pipeline, aep: AepClient) -> Dataset:
    """Return the pipeline's dataset; if it was renamed in AEP, the error states its new name."""
    try:
        return aep.catalog.require_dataset(pipeline.aep.dataset)
    except DatasetMissing:
        for target in targets_of_pipeline(lake, pipeline.name):
            if (target.org_id, target.aep_sandbox) != (aep.org_id, aep.aep_sandbox):
                continue
            found = aep.catalog.dataset(target.dataset_id)
            if found is not None and found["name"] != pipeline.aep.dataset:
                raise DatasetMissing(
                    f"AEP has no dataset named {pipeline.aep.dataset!r}. Pipeline {pipeline.name} loaded into dataset "
                    f"{found['id']}, which AEP now calls {found['name']!r}.",
                    "Write that name into aep.dataset. Setup would create a new, empty dataset.",
                ) from None
        raise


@dataclass(frozen=True)
class _OldLedgers:
    """Copies ledgers of data version 5 or older ("old ledgers") into the history of the dataset of their batches."""

    history: History
    pipeline: Pipeline
    aep: AepClient

    def copy_day(self, day: date) -> bool:
        """Copy a day's old ledger into the history unless that is done; return whether it belongs to the history."""
        partition, ledger = PartitionKey(self.pipeline.name, day), self.history.ledger(day)
        old = self._read_old_ledger(day)
        records = ledger.records()
        if not old or (records and not _is_copy(records, old)):
            return False
        if len(records) >= len(old):
            return True
        if not records and not self._belongs_to_dataset(day, old):
            return False
        source = self._source(partition, old)
        if source is not None and source != self.history.source.project_id:
            raise AnotherSource(
                f"Partition {day} was loaded into dataset {self.history.target.dataset_id} from Mixpanel project "
                f"{source}, but the connection names project {self.history.source}.",
                "Correct the Mixpanel connection, or give this project a separate dataset. Nothing was sent.",
            )
        self.history.bind(self.pipeline.name, old[-1].at)
        for record in old[len(records) :]:
            fields = record.model_dump(exclude={"number", "kind", "version", "history"})
            records = ledger.append(records, record.kind, **fields)
        return True

    def bind_source(self) -> None:
        """Bind an unbound history to the project of the newest old ledger that belongs to it."""
        for day in self._old_days()[:_CHECKED_DAYS]:
            if self.copy_day(day):
                return

    def copy_all_days(self) -> None:
        """Copy the old ledgers of all days, once; a record in the history prevents another listing of the lake."""
        done = self.history.key(f"taken-over-{self.pipeline.name}")
        if read_record(self.history.lake, done) is None:
            for day in self._old_days():
                self.copy_day(day)
            create_record(self.history.lake, done, b'{"version": 1}')

    def _old_days(self) -> list[date]:
        found = {
            date.fromisoformat(parts[1])
            for key in self.history.lake.keys(f"{self.pipeline.name}/")
            if len(parts := key.split("/")) == 4 and parts[2] == "ledger"
        }
        return sorted(found, reverse=True)

    def _read_old_ledger(self, day: date) -> list[LedgerRecord]:
        return Ledger(self.history.lake, PartitionKey(self.pipeline.name, day).legacy_ledger, day).records()

    def _belongs_to_dataset(self, day: date, old: Sequence[LedgerRecord]) -> bool:
        """Return whether the batches of an old ledger are in the dataset; True for an empty day without batches."""
        own, named = self.history.target.dataset_id, self._dataset_of(old)
        if named is not None:
            return named == own
        if old[-1].kind == "empty" or not any(record.batch for record in old):
            return old[-1].kind == "empty"
        # AEP knows none of its batches: they are in a dataset of another AEP sandbox, or AEP does not respond now. The
        # second is assumed if other days are in this dataset; then a retry repeats the request, and a person decides.
        others = [other for other in self._old_days() if other != day][:_CHECKED_DAYS]
        return any(self._dataset_of(self._read_old_ledger(other)) == own for other in others)

    def _dataset_of(self, old: Sequence[LedgerRecord]) -> str | None:
        """Return the dataset of a ledger's newest batch that AEP knows; None if AEP knows no batch of the ledger.

        Raises:
            BatchUnconfirmed: AEP shows the batch without its dataset.
        """
        for batch in dict.fromkeys(record.batch for record in reversed(old) if record.batch):
            found = self.aep.batches.find(batch)
            if found is not None and found.dataset_id is None:
                raise BatchUnconfirmed(
                    f"AEP does not show to which dataset batch {batch} belongs.",
                    "A retry of this run requests the batch from AEP again.",
                )
            if found is not None:
                return found.dataset_id
        return None

    def _source(self, partition: PartitionKey, old: Sequence[LedgerRecord]) -> int | None:
        """Return the Mixpanel project from which the day was exported, by its manifests; None without manifests."""
        staged = (active_records(old) or old)[-1].staged
        raw = lineage(self.history.lake, partition, "stage", staged).get("export")
        return int(raw.details["project_id"]) if raw else None


def _is_copy(records: Sequence[LedgerRecord], old: Sequence[LedgerRecord]) -> bool:
    """Return whether the records of a ledger equal those of the old ledger, up to the length of the shorter one."""
    return all(
        (one.kind, one.run, one.at) == (other.kind, other.run, other.at)
        for one, other in zip(records, old, strict=False)
    )
