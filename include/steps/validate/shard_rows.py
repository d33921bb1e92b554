"""Store the result of each shard in its manifest, and add the results of all shards to the result of the day."""

from __future__ import annotations

import gzip
import json
import logging
import shutil
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from include.errors import BadManifest
from include.json_types import JsonMapping, JsonObject
from include.lake.manifest import LakeFile, Manifest
from include.plural import counted
from include.quality.constraints import Reason
from include.steps.day_rows import RowFile
from include.steps.validate.invalid_rows import ReasonExamples, RefusedRows, reason_of
from include.steps.validate.partition_validator import PartitionValidator, warnings_of
from include.steps.validate.verdict import CheckedRows, most_frequent
from include.steps.workspace import Workspace
from include.xdm.convert.aep_parquet import AEP_FORM

log = logging.getLogger(__name__)
_MOST_EVENTS = 100_000
"""The largest number of event names that the manifest of a shard lists; the others are one number."""


def shard_details(rows: CheckedRows, refused: LakeFile | None) -> JsonObject:
    """Return the result of a shard for the details of its manifest, without values of its rows.

    ``refused``: the file of quarantine records in the lake, or None. It contains the values that a report may show;
    manifests do not, because they are never removed.
    """
    listed = most_frequent(rows.by_event, _MOST_EVENTS)
    return {
        "refused": refused.model_dump() if refused else None,
        "reasons": [{**reason.record, "rows": count} for reason, count in rows.refused.reasons.items()],
        "columns": [list(path) for path in sorted(rows.columns)],
        "failed": {str(number): count for number, count in rows.failed.items()},
        "by_hour": rows.by_hour,
        "by_event": listed,
        "other_events": rows.by_event.total() - sum(listed.values()),
        "double_ids": rows.double_ids,
        "span": list(rows.span) if rows.span is not None else None,
        "form": rows.form,
    }


def add_shards(
    workspace: Workspace,
    mapped: Manifest,
    shards: Sequence[Manifest],
    validator: PartitionValidator,
    scratch: Path,
) -> CheckedRows | None:
    """Return the result of a day as the sum of the results of its shards; None if the results cannot be added.

    The expectations are derived from the columns of all files, so all shards must have the same columns. Each shard
    counts only its own duplicates, so the times of two shards must not overlap (rows with the same ``_id`` have the
    same time). ``scratch``: a folder for the quarantine file of the day.

    Raises:
        BadManifest: the shards do not account for the rows of ``mapped``, the manifest of transform.
        FilesRemoved: a file of a shard is not in the lake any more.
    """
    _require_all_rows(workspace, mapped, shards)
    details = [shard.details for shard in shards]
    if obstacle := _obstacle(details):
        log.warning("The shards have %s, so the day is validated as a whole.", obstacle)
        return None
    columns = {tuple(path) for path in details[0]["columns"]}
    specs = validator.specs(columns)
    failed, by_hour = Counter[int](), Counter[str]()
    for each in details:
        failed.update({int(number): count for number, count in each["failed"].items()})
        by_hour.update(each["by_hour"])
    by_event, other_events = _add_events(details)
    return CheckedRows(
        mapped=sum(shard.counts["mapped"] for shard in shards),
        specs=tuple(specs),
        columns=frozenset(columns),
        failed=failed,
        warned=warnings_of(specs, failed),
        refused=_add_refused(workspace, shards, scratch),
        by_hour=by_hour,
        by_event=by_event,
        other_events=other_events,
        double_ids=sum(each["double_ids"] for each in details),
        valid_files=tuple(
            RowFile(Path(file.key), file.rows, file) for shard in shards for file in shard.files
        ),
        form=AEP_FORM if all(each["form"] == AEP_FORM for each in details) else None,
    )


def _require_all_rows(workspace: Workspace, mapped: Manifest, shards: Sequence[Manifest]) -> None:
    """Raise ``BadManifest`` unless each mapped row is a valid row or a refused row of a shard."""
    accounted = sum(shard.rows_in_files + shard.counts["quarantined"] for shard in shards)
    if not accounted == sum(shard.counts["mapped"] for shard in shards) == mapped.rows:
        raise BadManifest(
            f"The shards of partition {workspace.partition} account for {accounted:,} of {counted(mapped.rows, 'mapped row')}.",
            f"A manifest was changed. Move {workspace.lake.uri(workspace.partition.step('validate_shard'))} out of the lake, "
            "then clear the task validate.",
        )


def _obstacle(details: Sequence[JsonMapping]) -> str:
    """Return the reason why the results of shards cannot be added, as a phrase; empty if they can be added."""
    if any(each["columns"] != details[0]["columns"] for each in details):
        return "different columns"
    spans = sorted(each["span"] for each in details if each["span"] is not None)
    if any(before[1] >= after[0] for before, after in pairwise(spans)):
        return "overlapping times"
    return ""


def _add_events(details: Sequence[JsonMapping]) -> tuple[Counter[str], int]:
    """Add the counts of events by name of all shards; return them, and the number of events with other names.

    If a shard does not list all its names, a name that it does not list is not counted individually.
    """
    by_event = Counter[str]()
    for each in details:
        by_event.update(each["by_event"])
    others = sum(each["other_events"] for each in details)
    incomplete = [each["by_event"] for each in details if each["other_events"]]
    for name in [name for name in by_event if not all(name in listed for listed in incomplete)]:
        others += by_event.pop(name)
    return by_event, others


def _add_refused(workspace: Workspace, shards: Sequence[Manifest], scratch: Path) -> RefusedRows:
    reasons, rows, target = Counter[Reason](), 0, scratch / "quarantine.jsonl.gz"
    examples = ReasonExamples()
    for number, shard in enumerate(shards):
        reasons.update({reason_of(record): record["rows"] for record in shard.details["reasons"]})
        rows += shard.counts["quarantined"]
        if shard.details["refused"] is None:
            continue
        stored = LakeFile.model_validate(shard.details["refused"])
        path = workspace.local_file(stored, scratch / f"refused-{number}.jsonl.gz", shard)
        with path.open("rb") as part, target.open("ab") as day:  # members of one gzip file
            shutil.copyfileobj(part, day)
        if workspace.pipeline.quality.show_values:
            _add_examples(examples, path)
        path.unlink()
    return RefusedRows(rows, reasons, examples.by_reason, target if rows else None)


def _add_examples(examples: ReasonExamples, path: Path) -> None:
    with gzip.open(path) as file:
        for line in file:
            for record in json.loads(line)["reasons"]:
                examples.add(reason_of(record), record["value"])
