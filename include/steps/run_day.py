"""Run the steps of one day in order, from the Mixpanel export to the load into AEP.

The command line, ``reconcile`` and tests run all steps. An Airflow task runs one step, so each method imports only the
modules of its step.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from include.aep.batch_budget import BatchBudget
from include.aep.client import AepClient
from include.aep.profile import is_enabled
from include.aep.profile_batches import Neighbours, scheduled_batches
from include.errors import BatchStuck, FilesRemoved
from include.lake.history import History, Source
from include.lake.manifest import Manifest
from include.steps.history.open_history import OpenedHistory, open_history
from include.steps.history.provenance import recipe_for
from include.steps.ingest.step import IngestResult, PendingBatch, ingest_partition
from include.steps.stage.step import stage_partition
from include.steps.workspace import Workspace
from include.xdm.mapping.mapping_set import MappingSet
from include.xdm.schema.xdm_schema import XdmSchema

if TYPE_CHECKING:
    from include.steps.export.step import Exporter
    from include.steps.export.window_export import FetchAhead
    from include.steps.validate.shards import Shard

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_WATCH_SECONDS = 6 * 3600


class _DaySteps(ABC):
    """The steps export, transform, validate and stage of one partition.

    Each step returns its existing output, even if ``clean`` has removed the output's files: a day that was loaded does
    not need them. If a step has to read removed files, the earlier steps create them again.
    """

    workspace: Workspace
    source: Source
    mixpanel: Exporter
    refresh: str | None
    on_step: Callable[[Manifest], object] | None
    ahead: FetchAhead | None = None

    def export(self) -> Manifest:
        """Return the manifest of the day's export; request the export from Mixpanel if it does not exist."""
        return self._report_step(self._export(refresh=self.refresh, ahead=self.ahead))

    def transform(self, raw: Manifest) -> Manifest:
        """Map the events of the export ``raw`` to XDM; return the manifest of the mapped rows."""
        return self._report_step(self._run_step(raw, self._transform))

    def validate_shard(self, mapped: Manifest, shard: Shard) -> Manifest:
        """Validate one shard (a share of the mapped rows), and return the shard's manifest.

        ``validate`` validates the shards that do not have a manifest yet.
        """
        from include.steps.validate.shard_step import validate_shard

        return self._run_step(mapped, lambda read: validate_shard(self.workspace, read, shard))

    def validate(self, mapped: Manifest) -> Manifest:
        """Validate the mapped rows of the day against the schema; return the manifest of the valid rows."""
        return self._report_step(self._run_step(mapped, self._validate))

    def stage(self, valid: Manifest) -> Manifest:
        """Select the valid rows to load and write them to files for AEP; return the manifest of these files."""
        return self._report_step(self._run_step(valid, self._stage))

    def to_staged(self) -> Manifest:
        """Run export, transform, validate and stage; return the manifest of the staged rows."""
        return self.stage(self.validate(self.transform(self.export())))

    def _export(
        self, *, refresh: str | None = None, ahead: FetchAhead | None = None, with_files: bool = False
    ) -> Manifest:
        from include.steps.export.step import export_partition

        return export_partition(
            self.workspace, self.source, self.mixpanel, refresh=refresh, ahead=ahead, with_files=with_files
        )

    @abstractmethod
    def _transform(self, raw: Manifest, *, with_files: bool = False) -> Manifest: ...

    @abstractmethod
    def _stage(self, valid: Manifest, *, with_files: bool = False) -> Manifest: ...

    def _validate(self, mapped: Manifest, *, with_files: bool = False) -> Manifest:
        from include.steps.validate.step import validate_partition

        return validate_partition(self.workspace, mapped, with_files=with_files)

    def _run_step(self, read: Manifest, step: Callable[[Manifest], _Result]) -> _Result:
        """Return ``step(read)``; if files of the input ``read`` were removed, create them again and repeat the step."""
        try:
            return step(read)
        except FilesRemoved as removed:
            log.info("%s The files are created again.", removed.sentence)
            return step(self._with_files(read))

    def _with_files(self, manifest: Manifest) -> Manifest:
        """Return ``manifest`` if its files exist, otherwise the manifest of a new output of the same step.

        The new output is created from the newest export, with the current mapping and schema.
        """
        workspace = self.workspace
        if manifest.step == "export":
            if workspace.has_files(manifest):
                return manifest
            return self._export(with_files=True)
        if manifest.step == "transform":
            if workspace.has_files(manifest):
                return manifest
            raw = self._with_files(workspace.require("export", manifest.inputs["export"]))
            return self._transform(raw, with_files=True)
        if manifest.step == "validate":  # stage also reads the list of events, a file of transform
            mapped = self._with_files(workspace.require("transform", manifest.inputs["transform"]))
            return self._validate(mapped, with_files=True)
        valid = self._with_files(workspace.require("validate", manifest.inputs["validate"]))
        return self._stage(valid, with_files=True)

    def _report_step(self, manifest: Manifest) -> Manifest:
        if self.on_step is not None:
            self.on_step(manifest)
        return manifest


@dataclass(frozen=True)
class DayRun(_DaySteps):
    """The steps export, transform, validate, stage and ingest of one partition.

    Attributes:
        run: Identifies the run in the ledger.
        refresh: Identifies a request to export the day again; None to use an existing export.
        replace: Whether to load the day in place of its rows that are active in AEP.
        on_step: Called with the manifest of each step that has ended.
        ahead: Allows the export to fetch other days of a backfill with the same request. Such a run is a backfill, and
            leaves a share of AEP's rate limits to scheduled runs.
        neighbours: Returns the other pipelines that share AEP's limits on batches.
    """

    workspace: Workspace
    source: Source
    mixpanel: Exporter
    aep: AepClient
    run: str
    refresh: str | None = None
    replace: bool = False
    on_step: Callable[[Manifest], object] | None = None
    ahead: FetchAhead | None = None
    neighbours: Callable[[], Neighbours] = Neighbours

    @cached_property
    def opened(self) -> OpenedHistory:
        """The dataset in AEP's catalog and the history of its loads; read from AEP once, on first access."""
        workspace = self.workspace
        opened = open_history(
            workspace.lake, workspace.pipeline, self.aep, self.source, workspace.partition.day
        )
        if self.replace:
            opened.require_may_replace(workspace.pipeline.name)
        return opened

    @property
    def history(self) -> History:
        """The ledgers and the ids of the batches that were loaded into the dataset."""
        return self.opened.history

    def to_staged(self) -> Manifest:
        """Check the dataset in AEP, then run the steps up to stage; return the manifest of the staged rows.

        The check comes first so that an error of the dataset does not cost a request to Mixpanel.
        """
        _ = self.opened
        return super().to_staged()

    def ingest(self, staged: Manifest) -> IngestResult | PendingBatch:
        """Load staged rows into AEP without waiting for AEP.

        Return the result, or the batch that AEP has not finished; call the method again for the pending batch.
        """
        return self._run_step(staged, self._ingest)

    def load(
        self,
        staged: Manifest,
        *,
        poll_seconds: float = 5.0,
        on_wait: Callable[[PendingBatch], object] | None = None,
    ) -> IngestResult:
        """Load staged rows, and poll AEP every ``poll_seconds`` until AEP has finished.

        ``on_wait`` is called with the pending batch before each wait.

        Raises:
            BatchStuck: AEP has not finished the batch after six hours.
        """
        clock = self.workspace.clock
        deadline = clock.seconds() + _WATCH_SECONDS
        while not isinstance(result := self.ingest(staged), IngestResult):
            if clock.seconds() > deadline:
                raise BatchStuck(
                    f"AEP has not finished batch {result.batch_id} of partition {staged.partition} in six hours.",
                    "It may still become active. Check its status in AEP, then run the day again.",
                )
            if on_wait is not None:
                on_wait(result)
            clock.sleep(poll_seconds)
        return result

    def _transform(self, raw: Manifest, *, with_files: bool = False) -> Manifest:
        from include.steps.transform import schema_and_mapping, transform_partition

        pipeline, day = self.workspace.pipeline, self.workspace.partition.day
        schema, mapping = schema_and_mapping(pipeline, self.aep, self.opened.dataset)
        recipe = recipe_for(self.history.ledger(day).records(), replace=self.replace)
        return transform_partition(self.workspace, raw, schema, mapping, recipe=recipe, with_files=with_files)

    def _stage(self, valid: Manifest, *, with_files: bool = False) -> Manifest:
        return stage_partition(
            self.workspace, valid, self.history, replace=self.replace, with_files=with_files
        )

    def _ingest(self, staged: Manifest) -> IngestResult | PendingBatch:
        return ingest_partition(
            self.workspace, staged, self.aep, self.history, self.run, replace=self.replace, admit=self._admit
        )

    def _admit(self, size: int) -> None:
        """Count a batch of ``size`` bytes towards AEP's rate limits; backfills leave a share free for scheduled runs.

        Raises:
            Throttled: the batch has to wait.
        """
        place, aep = self.workspace, self.aep
        budget = BatchBudget(place.lake, aep.org_id, aep.aep_sandbox, place.clock)
        if self.ahead is None:
            budget.acquire(size)
        else:
            is_for_profile = is_enabled(self.opened.dataset["tags"])
            budget.acquire_backfill(
                size, scheduled_batches(place.pipeline, self.neighbours(), aep) if is_for_profile else None
            )


@dataclass(frozen=True)
class DryRun(_DaySteps):
    """The steps export, transform, validate and stage of one partition, without access to AEP.

    Stage selects all valid rows, because no earlier load is known. The result cannot be loaded.
    """

    workspace: Workspace
    source: Source
    mixpanel: Exporter
    schema: XdmSchema
    mapping: MappingSet
    refresh: str | None = None
    on_step: Callable[[Manifest], object] | None = None

    def _transform(self, raw: Manifest, *, with_files: bool = False) -> Manifest:
        from include.steps.transform import transform_partition

        return transform_partition(self.workspace, raw, self.schema, self.mapping, with_files=with_files)

    def _stage(self, valid: Manifest, *, with_files: bool = False) -> Manifest:
        return stage_partition(self.workspace, valid, with_files=with_files)
