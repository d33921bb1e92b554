"""One day, from export to staged rows and into AEP: the chain of steps for the command line, reconcile and tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from include.aep.client import AepClient
from include.lake.history import History, Source
from include.lake.manifest import Manifest
from include.steps.binding import OpenedHistory, open_history
from include.steps.export import Exporter, export_partition
from include.steps.ingest import Ingested, Watching, ingest_partition
from include.steps.origin import recipe_for
from include.steps.stage import stage_partition
from include.steps.transform import schema_and_mapping, transform_partition
from include.steps.validate import validate_partition
from include.steps.workspace import Workspace


@dataclass(frozen=True)
class DayRun:
    """The steps of one partition.

    ``run`` names the run in the ledger; ``refresh`` names a request to export the day again; ``replace`` loads the day
    in place of what is active. ``on_step`` is called with the manifest of every step.
    """

    workspace: Workspace
    source: Source
    mixpanel: Exporter
    aep: AepClient
    run: str
    refresh: str | None = None
    replace: bool = False
    on_step: Callable[[Manifest], object] | None = None

    @cached_property
    def opened(self) -> OpenedHistory:
        """The history of the pipeline's dataset; asked for once."""
        place = self.workspace
        return open_history(place.lake, place.pipeline, self.aep, self.source, place.partition.day)

    @property
    def history(self) -> History:
        return self.opened.history

    def export(self) -> Manifest:
        """Export the day, or find it exported."""
        return self._done(export_partition(self.workspace, self.source, self.mixpanel, look=self.refresh))

    def transform(self, raw: Manifest) -> Manifest:
        """Map an export with the id recipe of what is active."""
        pipeline, day = self.workspace.pipeline, self.workspace.partition.day
        schema, mapping = schema_and_mapping(pipeline, self.aep, self.opened.dataset)
        recipe = recipe_for(self.history.ledger(day).records(), replace=self.replace)
        return self._done(transform_partition(self.workspace, raw, schema, mapping, recipe=recipe))

    def validate(self, mapped: Manifest) -> Manifest:
        """Validate mapped rows."""
        return self._done(validate_partition(self.workspace, mapped))

    def stage(self, valid: Manifest) -> Manifest:
        """Stage the valid rows that are not active yet."""
        return self._done(stage_partition(self.workspace, valid, self.history, replace=self.replace))

    def to_staged(self) -> Manifest:
        """The first four steps; returns the staged manifest. The target is checked before an export is requested."""
        _ = self.opened
        return self.stage(self.validate(self.transform(self.export())))

    def ingest(self, staged: Manifest) -> Ingested | Watching:
        """Load staged rows as far as it goes without waiting."""
        return ingest_partition(
            self.workspace, staged, self.aep, self.history, self.run, replace=self.replace
        )

    def _done(self, manifest: Manifest) -> Manifest:
        if self.on_step is not None:
            self.on_step(manifest)
        return manifest
