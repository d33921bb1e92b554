"""A plan warns if pipelines create more batches a day than Adobe recommends for Profile."""

from __future__ import annotations

import pytest

from include.aep.client import AepClient
from include.aep.ownership import Ownership
from include.aep.profile_batches import profile_batches
from include.aep.setup import plan_pipeline
from include.config.model import Pipeline
from tests.support.field_group_growth import BASE, Write, aep, pipeline, url, write

pytestmark = pytest.mark.sandbox
__all__ = ["aep", "pipeline", "url", "write"]


def with_profile(pipeline: Pipeline, name: str, profile: bool | None = True, **changes: object) -> Pipeline:
    target = pipeline.aep.model_copy(update={"profile": profile, "dataset": f"Events of {name}"})
    return pipeline.model_copy(update={"name": name, "aep": target, **changes})


def notes(pipeline: Pipeline, aep: AepClient, *others: Pipeline) -> str:
    return " ".join(plan_pipeline(pipeline, aep, Ownership(pipeline.name), others).notes)


def test_more_than_ninety_batches_a_day_of_all_pipelines_are_a_warning(
    aep: AepClient, pipeline: Pipeline, write: Write
) -> None:
    write(BASE)
    own = with_profile(pipeline, "own", late_days=5)
    other = with_profile(pipeline, "other", late_days=60, catch_up_days=24)
    assert "create up to 91 batches a day" in notes(own, aep, other)
    assert "(other 85, own 6)" in notes(own, aep, other)
    assert "91 batches a day (other 85, own 6), more than the 90" in profile_batches(own, [other], aep)
    fewer = other.model_copy(update={"catch_up_days": 23})
    assert "backfill at most 0 days of history per day" in notes(own, aep, fewer)
    assert "of the 90 that Adobe recommends" in profile_batches(own, [fewer], aep)


def test_only_enabled_datasets_of_the_same_connection_count(
    aep: AepClient, pipeline: Pipeline, write: Write
) -> None:
    write(BASE)
    own = with_profile(pipeline, "own", late_days=5)
    plain = with_profile(pipeline, "plain", None, late_days=60)
    elsewhere = with_profile(pipeline, "elsewhere", late_days=60)
    target = elsewhere.aep.model_copy(update={"conn_id": "another"})
    elsewhere = elsewhere.model_copy(update={"aep": target})
    assert "scheduled runs create up to 6 (own 6)" in notes(own, aep, plain, elsewhere)
    assert "batches a day" not in notes(plain, aep, own)
