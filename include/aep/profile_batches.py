"""The number of batches that pipelines create per day in datasets enabled for Profile, and Adobe's recommended limit."""

from __future__ import annotations

from collections.abc import Sequence

from include.aep.client import AepClient
from include.aep.profile import is_enabled
from include.config.loader import load_readable_pipelines
from include.config.model import Pipeline

MOST_BATCHES = 90
"""A day, for all datasets of an AEP sandbox that are enabled for Profile (EP:ingestion/guardrails.md). AEP ingests more,
but updates profiles and segments later."""


def batches_a_day(pipeline: Pipeline) -> int:
    """Return the maximum of batches of scheduled runs: the day's own, one per late day, and those of catch-up days."""
    return 1 + pipeline.late_days + pipeline.catch_up_days


def scheduled_batches(pipeline: Pipeline, aep: AepClient) -> int:
    """Return how many batches a day scheduled runs create at most, of all pipelines that share the guardrail."""
    others = load_readable_pipelines(pipeline.folder, but=pipeline.name)[0] if pipeline.folder else []
    return _load(pipeline, others, aep)[0]


def profile_batches(pipeline: Pipeline, others: Sequence[Pipeline], aep: AepClient) -> str:
    """Return a clause about the batches of all pipelines that share the guardrail with a pipeline."""
    total, named = _load(pipeline, others, aep)
    verdict = f"more than the {MOST_BATCHES}" if total > MOST_BATCHES else f"of the {MOST_BATCHES}"
    return (
        f"pipelines create up to {total} batches a day ({named}), {verdict} that Adobe recommends for all such datasets of an "
        "AEP sandbox, plus one for each day of a backfill"
    )


def profile_batch_notes(
    pipeline: Pipeline, others: Sequence[Pipeline], aep: AepClient, *, has_history: bool
) -> list[str]:
    """Return warnings about a pipeline whose dataset is enabled for Profile, or will be.

    ``has_history``: days may already be loaded, so that no initial backfill is expected.
    """
    total, named = _load(pipeline, others, aep)
    if total > MOST_BATCHES:
        return [
            f"The pipelines of connection {pipeline.aep.conn_id} create up to {total} batches a day in datasets of AEP sandbox "
            f"{aep.aep_sandbox} that are enabled for Profile ({named}); Adobe recommends at most {MOST_BATCHES}. Additional "
            "batches reach profiles and segments later. Lower late_days or catch_up_days in the pipeline files."
        ]
    if has_history:
        return []
    return [
        f"A backfill creates one batch for each day. AEP sandbox {aep.aep_sandbox} should get at most {MOST_BATCHES} batches "
        f"a day in datasets that are enabled for Profile, and scheduled runs create up to {total} ({named}): backfill at most "
        f"{MOST_BATCHES - total} days of history per day."
    ]


def _load(pipeline: Pipeline, others: Sequence[Pipeline], aep: AepClient) -> tuple[int, str]:
    """Return the maximum of batches per day of the connection's pipelines, and a clause that names each pipeline."""
    sharing = [other for other in others if _shares(pipeline, other, aep)]
    pipelines = sorted([pipeline, *sharing], key=lambda each: each.name)
    named = ", ".join(f"{each.name} {batches_a_day(each)}" for each in pipelines)
    return sum(map(batches_a_day, pipelines)), named


def _shares(pipeline: Pipeline, other: Pipeline, aep: AepClient) -> bool:
    """Return whether another pipeline loads into a dataset of the same connection that is or will be enabled for Profile."""
    if other.name == pipeline.name or other.aep.conn_id != pipeline.aep.conn_id:
        return False
    found = None if other.aep.profile else aep.catalog.find_dataset(other.aep.dataset)
    return bool(other.aep.profile) or (found is not None and is_enabled(found["tags"]))
