"""Compares the batches that pipelines create a day in datasets for Profile with Adobe's recommended maximum.

The maximum applies to all datasets of an AEP sandbox that are enabled for Profile, and so to several pipelines
together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from include.aep.client import AepClient
from include.aep.profile import is_enabled
from include.aep.settings import AepSettings
from include.config.model import Pipeline
from include.errors import PipelineError
from include.plural import counted

MOST_BATCHES = 90
"""Adobe's recommended maximum of batches a day in all datasets of an AEP sandbox that are enabled for Profile.

AEP also ingests further batches, but they reach profiles and segments later. Source: EP:ingestion/guardrails.md.
"""
_REPEATED = 10
"""A reserve for refused batches: one in ten batches of scheduled runs may be created a second time."""


@dataclass(frozen=True)
class Neighbours:
    """The other pipelines that load into the AEP sandbox of a pipeline, and so share its limits.

    Attributes:
        pipelines: the pipelines whose AEP connection has the same organization and AEP sandbox.
        unread: the names of the pipelines whose AEP connection could not be read, so that their AEP sandbox is unknown.
    """

    pipelines: tuple[Pipeline, ...] = ()
    unread: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, pipeline: Pipeline, others: Iterable[Pipeline], settings_of: Callable[[str], AepSettings]
    ) -> Neighbours:
        """Return those of ``others`` that load into the AEP sandbox of ``pipeline``.

        ``settings_of``: returns the settings of the AEP connection with an id.

        Raises:
            PipelineError: the AEP connection of ``pipeline`` could not be read.
        """
        own = settings_of(pipeline.aep.conn_id)
        sharing, unread = [], []
        for other in others:
            try:
                same = other.aep.conn_id == pipeline.aep.conn_id or (
                    _sandbox_of(settings_of(other.aep.conn_id)) == _sandbox_of(own)
                )
            except PipelineError:
                unread.append(other.name)
                continue
            if same and other.name != pipeline.name:
                sharing.append(other)
        return cls(tuple(sharing), tuple(unread))


def _sandbox_of(settings: AepSettings) -> tuple[str, str]:
    return settings.org_id, settings.aep_sandbox


def batches_a_day(pipeline: Pipeline) -> int:
    """Return how many batches the scheduled runs of a pipeline create a day at most.

    They load the last day, ``late_days`` days with late events, and ``catch_up_days`` missing days, with a batch each.
    """
    return 1 + pipeline.late_days + pipeline.catch_up_days


def scheduled_batches(pipeline: Pipeline, neighbours: Neighbours, aep: AepClient) -> int:
    """Return how many batches scheduled runs create a day at most in the AEP sandbox's datasets for Profile.

    The runs of ``pipeline`` count in any case, and those of its neighbours if their dataset is or will be enabled.
    """
    return _total_and_names(pipeline, neighbours, aep)[0]


def left_for_backfills(scheduled: int) -> int:
    """Return how many batches backfills may create a day if scheduled runs create up to ``scheduled``; at least 1."""
    return max(1, MOST_BATCHES - scheduled - math.ceil(scheduled / _REPEATED))


def profile_batches(pipeline: Pipeline, neighbours: Neighbours, aep: AepClient) -> str:
    """Return a clause that compares the daily batches in datasets for Profile with Adobe's maximum, by pipeline."""
    total, named = _total_and_names(pipeline, neighbours, aep)
    verdict = f"more than the {MOST_BATCHES}" if total > MOST_BATCHES else f"of the {MOST_BATCHES}"
    return (
        f"pipelines create up to {counted(total, 'batch')} a day ({named}), {verdict} that Adobe recommends for all such datasets of an "
        "AEP sandbox, plus one for each day of a backfill"
    )


def profile_batch_notes(
    pipeline: Pipeline, neighbours: Neighbours, aep: AepClient, *, has_history: bool
) -> list[str]:
    """Return warnings about Adobe's maximum for a pipeline whose dataset is or will be enabled for Profile.

    ``has_history``: whether the dataset exists, so that the note about the first backfill is left out.
    """
    total, named = _total_and_names(pipeline, neighbours, aep)
    if total > MOST_BATCHES:
        return [
            f"Pipelines create up to {counted(total, 'batch')} a day in datasets of AEP sandbox {aep.aep_sandbox} that are enabled for Profile ({named}); Adobe recommends at most {MOST_BATCHES}. Additional "
            "batches reach profiles and segments later. Lower late_days or catch_up_days in the pipeline files."
        ]
    if has_history:
        return []
    return [
        f"A backfill creates one batch for each day. AEP sandbox {aep.aep_sandbox} should get at most {MOST_BATCHES} batches "
        f"a day in datasets that are enabled for Profile, and scheduled runs create up to {total} ({named}): a backfill loads "
        f"at most {counted(left_for_backfills(total), 'day')} of history per day."
    ]


def _total_and_names(pipeline: Pipeline, neighbours: Neighbours, aep: AepClient) -> tuple[int, str]:
    """Return the sum of ``batches_a_day`` over the pipelines with datasets for Profile, and a list of them as text."""
    sharing = [other for other in neighbours.pipelines if _is_enabled(other, aep)]
    pipelines = sorted([pipeline, *sharing], key=lambda each: each.name)
    named = ", ".join(f"{each.name} {batches_a_day(each)}" for each in pipelines)
    if neighbours.unread:
        named += f"; not counted, because their connections cannot be read: {', '.join(neighbours.unread)}"
    return sum(map(batches_a_day, pipelines)), named


def _is_enabled(other: Pipeline, aep: AepClient) -> bool:
    """Return whether the dataset of a pipeline is enabled for Profile, or will be by ``aep.profile: true``."""
    found = None if other.aep.profile else aep.catalog.find_dataset(other.aep.dataset)
    return bool(other.aep.profile) or (found is not None and is_enabled(found["tags"]))
