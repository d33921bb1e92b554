"""Transform the raw events of a day to rows of the XDM schema.

Each ``_id`` occurs once in the output. Lines that cannot be converted are written to quarantine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from include.aep.client import AepClient
from include.aep.model import Dataset
from include.aep.profile import dataset_schema
from include.config.model import Pipeline
from include.errors import BadManifest, SchemaError
from include.json_types import JsonObject
from include.lake.manifest import Manifest, digest_of, upload_file
from include.mixpanel.time_convention import TimeEvidence, check_time_convention
from include.plural import counted
from include.redact import one_line
from include.steps.export.export_delta import whole_file
from include.steps.step import Made, Step, run_step
from include.steps.transform.dropped_identities import by_namespace
from include.steps.transform.job import Job, Limits
from include.steps.workspace import DATA_VERSION, Workspace
from include.xdm.events.event_id import RECIPE, RECIPES
from include.xdm.identities.bind_identities import bind_identities
from include.xdm.mapping.compile import CompiledMapping, compile_mapping
from include.xdm.mapping.mapping_file import read_mapping_file
from include.xdm.mapping.mapping_set import MappingSet, bind_for
from include.xdm.schema.xdm_schema import XdmSchema

if TYPE_CHECKING:
    from include.steps.transform.passes import FirstPass

LIMITS = Limits()


def schema_and_mapping(
    pipeline: Pipeline, aep: AepClient, dataset: Dataset | None = None
) -> tuple[XdmSchema, MappingSet]:
    """Return the dataset's current schema, and the pipeline's mapping set, checked against the schema.

    ``dataset``: the dataset, as the catalog of AEP describes it; if None, it is requested from the catalog.

    Raises:
        DatasetMissing: the pipeline's dataset does not exist.
        ConfigError: the mapping set does not fit the schema, or an identity's expression is wrong; the message lists
            all errors.
    """
    bind_identities(pipeline.identities, pipeline.identity_placeholders)
    dataset = dataset or aep.catalog.require_dataset(pipeline.aep.dataset)
    schema = dataset_schema(aep, dataset, profile=pipeline.aep.profile)
    rows = read_mapping_file(pipeline.mapping)
    return schema, bind_for(pipeline, rows, schema)


def transform_partition(
    workspace: Workspace,
    raw: Manifest,
    schema: XdmSchema,
    mapping: MappingSet,
    *,
    recipe: int = RECIPE,
    with_files: bool = False,
) -> Manifest:
    """Map the export ``raw`` to rows of ``schema``; return the manifest of the new or the existing output.

    If the export is a delta, only the differing lines are mapped, if possible
    (``include.steps.transform.delta_mapping``).

    Args:
        workspace: the pipeline, its lake and the day.
        raw: the manifest of the export.
        schema: the XDM schema of the dataset.
        mapping: the mapping set of the pipeline.
        recipe: the version of the computation of ``_id`` (``include.xdm.events.event_id``).
        with_files: map the export again if the files of the output were removed from the lake.

    Returns:
        The manifest. Its ``counts`` satisfy ``exported + not_events = duplicates + quarantined + mapped``. Others:

        - ``warnings``: values that could not be converted and were set to null. ``details["not_converted"]`` has
          them by schema field, and ``details["inexact"]`` those of them that are numbers.
        - ``dropped_identities``: values that are not identities. The detail of the same name has them by namespace
          and reason (``include.xdm.identities.identity_rules``).
        - ``merged_without_before``: see ``EventParser``. ``compacted_by_day``: events that Mixpanel may merge into
          other events of the day.

        ``details["events"]`` describes a Parquet file with the ``_id`` and the ``digest`` of every mapped row; None
        without rows. ``details["partial"]`` lists which of ``by_event`` and ``unmapped`` are incomplete.

    Raises:
        FilesRemoved: the export is not in the lake any more.
        BadManifest: the recipe belongs to a newer version of this program.
        SchemaError: the schema is not for events, or a property has no mapping and the pipeline has ``unmapped: fail``.
        WorkerFailed: a process of the step ended before it had finished.
    """
    return run_step(Transform(workspace, raw, schema, mapping, recipe), with_files=with_files)


@dataclass(frozen=True)
class Transform(Step):
    """The transform step for the export ``raw``. ``recipe``: the number of the rule that computes the ``_id``s."""

    name = "transform"
    workspace: Workspace
    raw: Manifest
    schema: XdmSchema
    mapping: MappingSet
    recipe: int

    def inputs(self) -> dict[str, str]:
        """Return the values that determine the mapped rows, by name."""
        _require_recipe(self.recipe)
        self.schema.require_event()
        return {
            "export": self.raw.digest,
            "schema": self.schema.digest,
            "mapping": self.mapping.digest,
            "settings": digest_of(_settings(self.workspace.pipeline)),
            "recipe": str(self.recipe),
            "data_version": str(DATA_VERSION),
            **({"file_rows": str(limits.file_rows)} if (limits := self._limits) != LIMITS else {}),
        }

    def base_inputs(self) -> dict[str, str] | None:
        """Return the inputs of the output for the export to which a delta refers; None for other exports."""
        return {**self.inputs(), "export": self.raw.delta.base} if self.raw.delta else None

    def run(self, digest: str, scratch: Path) -> Made:
        """Map all lines of the export."""
        from include.steps.transform.worker_processes import wanted_processes, worker_processes

        workspace, raw, pipeline = self.workspace, self.raw, self.workspace.pipeline
        # The additional processes start first: they import their modules while this process imports its own modules and
        # downloads the export.
        with worker_processes(scratch, wanted_processes(raw.rows) - 1) as others:
            from include.steps.transform import passes as day
            from include.steps.transform.day_totals import MOST_PROPERTIES, unmapped_counts
            from include.steps.transform.output_files import compacted_by_day, upload_parts

            workspace.save_schema(self.schema)
            job = self._job(scratch, whole_file(workspace, raw, scratch))
            found = day.first_pass(job, others)
            evidence = TimeEvidence(pipeline.mixpanel.zone)
            found.add_events_to(evidence)
            check_time_convention(evidence, pipeline.mixpanel, pipeline.name)
            unmapped = unmapped_counts(found.names.most_common(), self.mapping.named_properties)
            _check_unmapped(pipeline, unmapped)
            written = day.second_pass(job, others, found)
        rejected = day.reject(job, found, written)
        not_converted, inexact = day.not_converted(job, written)
        dropped = sum((part.dropped for part in written), Counter())
        compacted = compacted_by_day(job, written)
        folder = workspace.partition.output("transform", digest)
        files, events = upload_parts(workspace, folder, job, [part for part in written if part.rows])
        counts = {
            **_exported(raw),
            "mapped": sum(file.rows for file in files),
            "duplicates": sum(part.duplicates for part in written),
            "twins": sum(part.twins for part in written),
            "quarantined": found.reasons.total(),
            "warnings": sum(not_converted.values()),
            **({"dropped_identities": dropped.total()} if dropped else {}),
            **dict(sorted(found.counts.items())),
            **({"compacted_by_day": compacted} if compacted else {}),
        }
        details = {
            "recipe": self.recipe,
            "events": events.model_dump() if events else None,
            "quarantine": _quarantine(workspace, digest, found, rejected, scratch / "quarantine.jsonl.gz"),
            "not_converted": not_converted,
            "inexact": inexact,
            "dropped_identities": by_namespace(dropped),
            "unmapped": dict(islice(unmapped.items(), MOST_PROPERTIES)),
            **_first_pass_details(found),
            "schema_version": self.schema.version,
        }
        return Made(files, counts, details)

    def run_delta(self, base: Manifest, digest: str, scratch: Path) -> Made | None:
        """Map only the lines that differ from the export of ``base``; return None if all lines have to be mapped."""
        from include.steps.transform.delta_mapping import DeltaMapping

        self.workspace.save_schema(self.schema)
        job = self._job(scratch, ())
        of_base = self._compiled(self.workspace.require("export", base.inputs["export"]))
        if of_base.expressions != job.compiled.expressions:
            return None  # an expression that reads the current time would give the base's rows other values
        work = DeltaMapping(self.workspace, self.raw, base, job, self.mapping.named_properties, digest)
        made = work.run(partial(_check_unmapped, self.workspace.pipeline))
        if made is None:
            return None
        return replace(made, details={**made.details, "schema_version": self.schema.version})

    def _job(self, scratch: Path, paths: Sequence[Path]) -> Job:
        source = self.workspace.pipeline.mixpanel
        return Job(
            paths=tuple(paths),
            scratch=scratch,
            compiled=self._compiled(self.raw),
            project_id=int(self.raw.details["project_id"]),
            day=self.workspace.partition.day,
            zone=source.zone.key if source.time_is == "project_local" else None,
            # Not the current time, so that the same export always gives the same output.
            now_ms=int(datetime.fromisoformat(self.raw.created_at).timestamp() * 1000),
            time_in_ms=source.time_in_ms,
            recipe=self.recipe,
            rows=self.raw.rows,
            limits=self._limits,
        )

    @property
    def _limits(self) -> Limits:
        """The sizes of files and buckets; smaller than usual if ``shard_events`` is below the usual rows of a file."""
        return LIMITS.for_shards(self.workspace.pipeline.shard_events)

    def _compiled(self, raw: Manifest) -> CompiledMapping:
        pipeline = self.workspace.pipeline
        identities = bind_identities(pipeline.identities, pipeline.identity_placeholders)
        return compile_mapping(self.mapping, identities, now=raw.created_at)


def _settings(pipeline: Pipeline) -> JsonObject:
    """Return the settings of the pipeline file that affect the mapped rows."""
    shaping = {"mixpanel", "identities", "identity_placeholders", "unmapped"}
    return pipeline.model_dump(include=shaping, exclude={"mixpanel": {"backfill_window_days"}})


def _first_pass_details(found: FirstPass) -> JsonObject:
    """Return the counts of the first pass for the manifest: refused lines by reason, and events by name."""
    partial = {"by_event": found.by_event.is_partial, "unmapped": found.names.is_partial}
    names = sorted(name for name, is_partial in partial.items() if is_partial)
    return {
        "reasons": dict(sorted(found.reasons.items())),
        "by_event": found.by_event.most_common(),
        **({"partial": names} if names else {}),
    }


def _require_recipe(recipe: int) -> None:
    if recipe not in RECIPES:
        raise BadManifest(
            f"This day's ids follow recipe {recipe}, which this version of mixpanel-aep does not support.",
            "A newer version loaded the day. Upgrade this installation.",
        )


def _exported(raw: Manifest) -> dict[str, int]:
    """Return the counts of the export: events, lines that are not events, and removed events of forgotten people.

    Counts of 0 are left out, except ``exported``.
    """
    apart = {name: raw.counts[name] for name in ("not_events", "suppressed") if raw.counts.get(name)}
    return {"exported": raw.rows - apart.get("not_events", 0), **apart}


def _check_unmapped(pipeline: Pipeline, unmapped: dict[str, int]) -> None:
    if unmapped and pipeline.unmapped == "fail":
        raise SchemaError(
            f"The events have {counted(len(unmapped), 'property')} without a mapping: {', '.join(repr(one_line(name)) for name in list(unmapped)[:5])}.",
            "Add mappings for these properties, or write unmapped: keep in the pipeline file.",
        )


def _quarantine(
    workspace: Workspace, digest: str, found: FirstPass, rejected: Sequence[JsonObject], path: Path
) -> JsonObject | None:
    """Upload the quarantined lines; return the description of the file, or None if no line was quarantined."""
    from include.steps.transform import passes as day

    if not found.reasons:
        return None
    day.write_quarantine(path, found, rejected)
    key = workspace.partition.quarantine("transform", digest)
    return upload_file(workspace.lake, key, path, found.reasons.total()).model_dump()
