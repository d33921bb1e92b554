"""Describe the origin of the rows of a load: Mixpanel project, filter, mapping, schema, and recipe of the ``_id``s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from include.config.model import Pipeline
from include.errors import AnotherSource, Conflict
from include.lake.history import History
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records
from include.lake.manifest import Manifest, digest_of
from include.steps.workspace import Workspace
from include.xdm.events.event_id import RECIPE


def source_of(raw: Manifest) -> str:
    """Return the Mixpanel project of an export as ``region/project_id``; without the region if the export lacks it."""
    region = raw.details.get("region")
    project = str(raw.details["project_id"])
    return f"{region}/{project}" if region else project


def require_exported_from(history: History, raw: Manifest) -> None:
    """Check that an export is from the Mixpanel project to which the history belongs.

    Raises:
        AnotherSource: the export is from another project.
    """
    source = source_of(raw)
    if source not in (str(history.source), str(history.source.project_id)):
        raise AnotherSource(
            f"The export of partition {raw.partition} belongs to Mixpanel project {source}, but the connection names "
            f"project {history.source}.",
            "Clear the task export of this run: the connection was changed after it. Nothing was sent.",
        )


def filter_digest(pipeline: Pipeline) -> str:
    """Return the digest of the pipeline's filter for events: ``events`` and ``where`` of its file."""
    return digest_of({"events": sorted(pipeline.mixpanel.events), "where": pipeline.mixpanel.where or ""})


def made_of(pipeline: Pipeline, mapped: Manifest) -> dict[str, str]:
    """Return digests of what determined a day's rows: filter, mapping, schema and time convention.

    The ledger records them with the load. ``mapped``: the day's output of transform.
    """
    return current_made_of(pipeline, mapped.inputs["mapping"], mapped.inputs["schema"])


def is_made_alike(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether mapping, schema and time convention of two loads are equal; the filter is ignored.

    If they are equal, the same event was converted to the same row.
    """
    return all(one.get(name) == other.get(name) for name in ("mapping", "schema", "time"))


def current_made_of(pipeline: Pipeline, mapping: str, schema: str) -> dict[str, str]:
    """Return the digests of ``made_of`` for a day that is loaded now; ``mapping``, ``schema``: their digests."""
    source = pipeline.mixpanel
    time = digest_of({"time_is": source.time_is, "zone": str(source.day_zone)})
    return {"filter": filter_digest(pipeline), "mapping": mapping, "schema": schema, "time": time}


def recipe_for(records: Sequence[LedgerRecord], *, replace: bool) -> int:
    """Return the number of the recipe (the rule that computes the ``_id``s) for a partition: that of its active rows.

    With another recipe, every event would get another ``_id`` and look like a new one. If no row is active, or all rows
    are replaced, it is the current recipe.
    """
    active = [] if replace else active_records(records)
    return active[0].recipe if active else RECIPE


def require_one_recipe(workspace: Workspace, active: Sequence[LedgerRecord], recipe: int) -> None:
    """Check that the ``_id``s of the active rows follow the recipe ``recipe``, so that they can be compared.

    Raises:
        Conflict: the day was loaded with another recipe after it was transformed.
    """
    others = {record.recipe for record in active} - {recipe}
    if others:
        raise Conflict(
            f"Partition {workspace.partition} was loaded with id recipe {min(others)} after this run had "
            f"transformed it with recipe {recipe}.",
            "Clear the task transform of this run.",
        )
