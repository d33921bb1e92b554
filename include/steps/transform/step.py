"""Transform: raw events become rows in the XDM schema's shape, each ``_id`` once; other lines are quarantined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from include.aep.client import AepClient
from include.aep.model import Dataset
from include.aep.profile import dataset_schema
from include.config.model import Pipeline
from include.errors import BadManifest, SchemaError
from include.lake.manifest import Manifest, digest_of, upload_file
from include.mixpanel.time_convention import TimeEvidence, check_time_convention
from include.redact import one_line
from include.steps.export.export_delta import whole_file
from include.steps.transform.dropped_identities import by_namespace
from include.steps.transform.job import Job, Limits
from include.steps.workspace import DATA_VERSION, Output, Workspace
from include.xdm.events.event_id import RECIPE, RECIPES
from include.xdm.identities.bind_identities import bind_identities
from include.xdm.mapping.compile import CompiledMapping, compile_mapping
from include.xdm.mapping.mapping_file import read_mapping_file
from include.xdm.mapping.mapping_set import MappingSet, bind_for
from include.xdm.schema.xdm_schema import XdmSchema

LIMITS = Limits()


def schema_and_mapping(
    pipeline: Pipeline, aep: AepClient, dataset: Dataset | None = None
) -> tuple[XdmSchema, MappingSet]:
    """Return the dataset's current schema, and the pipeline's mapping set and identities, checked against it.

    ``dataset``: as the catalog shows it; without it, it is requested from the catalog.

    Raises:
        DatasetMissing: the pipeline's dataset does not exist.
        ConfigError: the mapping set does not fit the schema, or an identity's expression is wrong; every fault is
            reported.
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
    """Map an export, or find it mapped; ``recipe`` is that of ``_id`` (``include.xdm.events.event_id``).

    ``with_files``: map it again if the files were removed from the lake.

    ``counts``: ``exported + not_events = duplicates + quarantined + mapped``. ``warnings``: how often a column was set
    to null; ``details["not_converted"]`` has them by destination, and ``details["inexact"]`` those that are numbers.
    ``dropped_identities``: how many values were not identities; the detail has them by namespace and reason
    (``include.xdm.identities.identity_rules``). Limits, if a day reaches them: ``merged_without_before`` (see
    ``EventParser``), and ``compacted_by_day``, the events that Mixpanel may merge into others of their day.
    ``details["events"]`` is a Parquet file with ``_id`` and ``digest`` (``identity.content_digest``) of every mapped
    row; None without rows. ``details["partial"]`` names those of ``by_event`` and ``unmapped`` that do not have every
    name. Of a delta of an export, only the differing lines are mapped if the output of its base decides the rest
    (``include.steps.transform.delta_mapping``).

    Raises:
        FilesRemoved: the export is not in the lake any more.
        BadManifest: the recipe belongs to a newer version of this program.
        SchemaError: the schema is not for events; or ``unmapped: fail``, and a property has no mapping.
        WorkerFailed: a process of the step ended before its work was done.
    """
    _require_recipe(recipe)
    schema.require_event()
    pipeline = workspace.pipeline
    inputs = {
        "export": raw.digest,
        "schema": schema.digest,
        "mapping": mapping.digest,
        "settings": digest_of(_settings(pipeline)),
        "recipe": str(recipe),
        "data_version": str(DATA_VERSION),
    }
    output = workspace.find_output("transform", inputs, with_files=with_files)
    base = None if output.manifest else _mapped_base(workspace, raw, inputs)
    as_delta = _find_delta(workspace, base, inputs, with_files=with_files)
    found = output.manifest or (as_delta.manifest if as_delta else None)
    if found is not None:
        return found
    workspace.save_schema(schema)
    fields = None
    if base is not None and as_delta is not None and workspace.has_files(base):
        with workspace.scratch() as scratch:
            fields = _delta(workspace, raw, base, mapping, recipe, scratch, as_delta.digest)
    if fields is not None and as_delta is not None:
        output = as_delta
    else:
        with workspace.scratch() as scratch:
            fields = _transformed(workspace, raw, mapping, recipe, scratch, output.digest)
    fields["details"]["schema_version"] = schema.version
    return workspace.publish(step="transform", digest=output.digest, inputs=output.inputs, **fields)


def _mapped_base(workspace: Workspace, raw: Manifest, inputs: Mapping[str, str]) -> Manifest | None:
    """Return the mapped base of a delta with otherwise the same inputs; its files may have been removed."""
    if raw.delta is None:
        return None
    return workspace.find_output("transform", {**inputs, "export": raw.delta.base}).manifest


def _base_of(workspace: Workspace, raw: Manifest) -> Manifest:
    base = workspace.base_of(raw)
    assert base is not None  # only deltas are mapped this way
    return base


def _find_delta(
    workspace: Workspace, base: Manifest | None, inputs: Mapping[str, str], *, with_files: bool
) -> Output | None:
    """Return the output that is based on ``base``, or the place for it."""
    if base is None:
        return None
    return workspace.find_output("transform", {**inputs, "base": base.digest}, with_files=with_files)


def _delta(
    workspace: Workspace,
    raw: Manifest,
    base: Manifest,
    mapping: MappingSet,
    recipe: int,
    scratch: Path,
    digest: str,
) -> dict[str, Any] | None:
    """Return the fields of a manifest that is based on another one; None if the base does not decide the day's rows."""
    from include.steps.transform.delta_mapping import DeltaMapping

    job = _job(workspace, raw, mapping, recipe, scratch, ())
    of_base = _compiled(workspace.pipeline, mapping, _base_of(workspace, raw))
    if (
        of_base.expressions != job.compiled.expressions
    ):  # expressions that read the clock give different rows today
        return None
    work = DeltaMapping(workspace, raw, base, job, mapping.named_properties, digest)
    return work.run(partial(_check_unmapped, workspace.pipeline))


def _transformed(
    workspace: Workspace, raw: Manifest, mapping: MappingSet, recipe: int, scratch: Path, digest: str
) -> dict[str, Any]:
    """Return the manifest's files, counts and details; the files are in the lake."""
    from include.steps.transform import passes as day
    from include.steps.transform.day_totals import MOST_PROPERTIES, unmapped_counts
    from include.steps.transform.worker_processes import wanted_processes, worker_processes

    job = _job(workspace, raw, mapping, recipe, scratch, whole_file(workspace, raw, scratch))
    pipeline = workspace.pipeline
    with worker_processes(job, wanted_processes(raw.rows) - 1) as others:
        found = day.first_pass(job, others)
        evidence = TimeEvidence(pipeline.mixpanel.zone)
        found.see(evidence)
        check_time_convention(evidence, pipeline.mixpanel, pipeline.name)
        unmapped = unmapped_counts(found.names.most_common(), mapping.named_properties)
        _check_unmapped(pipeline, unmapped)
        written = day.second_pass(job, others, found)
    rejected = day.reject(job, found, written)
    not_converted, inexact = day.not_converted(job, written)
    dropped = sum((part.dropped for part in written), Counter())
    compacted = day.compacted_by_day(job, written)
    folder = workspace.partition.output("transform", digest)
    files, events = day.upload_parts(workspace, folder, job, [part for part in written if part.rows])
    return {
        "files": files,
        "counts": {
            **_exported(raw),
            "mapped": sum(file.rows for file in files),
            "duplicates": sum(part.duplicates for part in written),
            "twins": sum(part.twins for part in written),
            "quarantined": found.reasons.total(),
            "warnings": sum(not_converted.values()),
            **({"dropped_identities": dropped.total()} if dropped else {}),
            **dict(sorted(found.counts.items())),
            **({"compacted_by_day": compacted} if compacted else {}),
        },
        "details": {
            "recipe": recipe,
            "events": events.model_dump() if events else None,
            "quarantine": _quarantine(workspace, digest, found, rejected, scratch / "quarantine.jsonl.gz"),
            "not_converted": not_converted,
            "inexact": inexact,
            "dropped_identities": by_namespace(dropped),
            "unmapped": dict(islice(unmapped.items(), MOST_PROPERTIES)),
            **_first_pass_details(found),
        },
    }


def _settings(pipeline: Pipeline) -> dict[str, Any]:
    """Return the settings of a pipeline file that shape the rows."""
    return pipeline.model_dump(include={"mixpanel", "identities", "identity_placeholders", "unmapped"})


def _first_pass_details(found: Any) -> dict[str, Any]:
    """Return the counts of the first pass."""
    partial = {"by_event": found.by_event.is_partial, "unmapped": found.names.is_partial}
    names = sorted(name for name, is_partial in partial.items() if is_partial)
    return {
        "reasons": dict(sorted(found.reasons.items())),
        "by_event": found.by_event.most_common(),
        **({"partial": names} if names else {}),
    }


def _job(
    workspace: Workspace,
    raw: Manifest,
    mapping: MappingSet,
    recipe: int,
    scratch: Path,
    paths: Sequence[Path],
) -> Job:
    pipeline, source = workspace.pipeline, workspace.pipeline.mixpanel
    return Job(
        paths=tuple(paths),
        scratch=scratch,
        compiled=_compiled(pipeline, mapping, raw),
        project_id=int(raw.details["project_id"]),
        day=workspace.partition.day,
        zone=source.zone.key if source.time_is == "project_local" else None,
        # Not the clock's time: the same export has to give the same output again.
        now_ms=int(datetime.fromisoformat(raw.created_at).timestamp() * 1000),
        time_in_ms=source.time_in_ms,
        recipe=recipe,
        rows=raw.rows,
        limits=LIMITS,
    )


def _compiled(pipeline: Pipeline, mapping: MappingSet, raw: Manifest) -> CompiledMapping:
    identities = bind_identities(pipeline.identities, pipeline.identity_placeholders)
    return compile_mapping(mapping, identities, now=raw.created_at)


def _require_recipe(recipe: int) -> None:
    if recipe not in RECIPES:
        raise BadManifest(
            f"This day's ids follow recipe {recipe}, which this version of mixpanel-aep does not support.",
            "A newer version loaded the day. Upgrade this installation.",
        )


def _exported(raw: Manifest) -> dict[str, int]:
    """Return the numbers of exported events, other lines and omitted ones; earlier versions have one sum."""
    apart = {name: raw.counts[name] for name in ("not_events", "suppressed") if raw.counts.get(name)}
    return {"exported": raw.rows - apart.get("not_events", 0), **apart}


def _check_unmapped(pipeline: Pipeline, unmapped: dict[str, int]) -> None:
    if unmapped and pipeline.unmapped == "fail":
        raise SchemaError(
            f"{len(unmapped)} properties have no mapping: {', '.join(repr(one_line(name)) for name in list(unmapped)[:5])}.",
            "Map them, or write unmapped: keep in the pipeline file.",
        )


def _quarantine(
    workspace: Workspace, digest: str, found: Any, rejected: Sequence[dict[str, Any]], path: Path
) -> dict[str, Any] | None:
    """Upload the quarantined lines, if any, and return the description of their file."""
    from include.steps.transform import passes as day

    if not found.reasons:
        return None
    day.write_quarantine(path, found, rejected)
    key = workspace.partition.quarantine("transform", digest)
    return upload_file(workspace.lake, key, path, found.reasons.total()).model_dump()
