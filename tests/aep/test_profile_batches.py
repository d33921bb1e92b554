"""A plan warns if pipelines create more batches a day than Adobe recommends for Profile."""

from __future__ import annotations

import pytest

from include.aep.client import AepClient
from include.aep.ownership import Ownership
from include.aep.profile_batches import Neighbours, profile_batches, scheduled_batches
from include.aep.settings import AepSettings
from include.aep.setup import plan_pipeline
from include.config.model import Pipeline
from include.errors import ConfigError
from tests.support.field_group_growth import BASE, Write, aep, pipeline, url, write

pytestmark = pytest.mark.sandbox
__all__ = ["aep", "pipeline", "url", "write"]


def with_profile(pipeline: Pipeline, name: str, profile: bool | None = True, **changes: object) -> Pipeline:
    target = pipeline.aep.model_copy(update={"profile": profile, "dataset": f"Events of {name}"})
    return pipeline.model_copy(update={"name": name, "aep": target, **changes})


def notes(pipeline: Pipeline, aep: AepClient, *others: Pipeline, unread: tuple[str, ...] = ()) -> str:
    plan = plan_pipeline(pipeline, aep, Ownership(pipeline.name), lambda: Neighbours(others, unread))
    return " ".join(plan.notes)


def test_more_than_ninety_batches_a_day_of_all_pipelines_are_a_warning(
    aep: AepClient, pipeline: Pipeline, write: Write
) -> None:
    write(BASE)
    own = with_profile(pipeline, "own", late_days=5)
    other = with_profile(pipeline, "other", late_days=60, catch_up_days=24)
    assert "create up to 91 batches a day in datasets of AEP sandbox" in notes(own, aep, other)
    assert "(other 85, own 6)" in notes(own, aep, other)
    assert "91 batches a day (other 85, own 6), more than the 90" in profile_batches(
        own, Neighbours((other,)), aep
    )
    fewer = other.model_copy(update={"catch_up_days": 23})
    assert "a backfill loads at most 1 day of history per day" in notes(own, aep, fewer)
    assert "of the 90 that Adobe recommends" in profile_batches(own, Neighbours((fewer,)), aep)


def test_scheduled_batches_are_those_of_all_pipelines_that_share_the_guardrail(
    aep: AepClient, pipeline: Pipeline, write: Write
) -> None:
    write(BASE)
    own = with_profile(pipeline, "own", late_days=5)
    other = with_profile(pipeline, "other", late_days=3)
    assert scheduled_batches(own, Neighbours(), aep) == 6
    assert scheduled_batches(own, Neighbours((other,), ("unread",)), aep) == 10


def test_only_datasets_that_are_enabled_count(aep: AepClient, pipeline: Pipeline, write: Write) -> None:
    write(BASE)
    own = with_profile(pipeline, "own", late_days=5)
    plain = with_profile(pipeline, "plain", None, late_days=60)
    assert "scheduled runs create up to 6 (own 6)" in notes(own, aep, plain)
    assert "batches a day" not in notes(plain, aep, own)


def settings(**changes: str) -> AepSettings:
    connection = {
        "conn_id": "aep",
        "client_id": "id",
        "client_secret": "secret",
        "org_id": "A1@AdobeOrg",
        "aep_sandbox": "prod",
    }
    return AepSettings(**{**connection, **changes})  # type: ignore[arg-type]


def test_pipelines_of_the_same_organization_and_aep_sandbox_are_neighbours(pipeline: Pipeline) -> None:
    connections = {
        "first": settings(),
        "second": settings(conn_id="second", client_id="other", client_secret="other"),
        "elsewhere": settings(aep_sandbox="dev"),
        "foreign": settings(org_id="B2@AdobeOrg"),
    }

    def read(conn_id: str) -> AepSettings:
        if conn_id not in connections:
            raise ConfigError(f"Connection {conn_id} does not exist.", "Create it.")
        return connections[conn_id]

    def connected(name: str, conn_id: str) -> Pipeline:
        target = pipeline.aep.model_copy(update={"conn_id": conn_id})
        return pipeline.model_copy(update={"name": name, "aep": target})

    own, same = connected("own", "first"), connected("same", "first")
    others = [own, same, *(connected(f"with_{conn_id}", conn_id) for conn_id in (*connections, "missing"))]
    found = Neighbours.of(own, others, read)
    assert [each.name for each in found.pipelines] == ["same", "with_first", "with_second"]
    assert found.unread == ("with_missing",)


def test_a_pipeline_whose_connection_cannot_be_read_is_named(
    aep: AepClient, pipeline: Pipeline, write: Write
) -> None:
    write(BASE)
    own = with_profile(pipeline, "own", late_days=5)
    assert "(own 6; not counted, because their connections cannot be read: other)" in notes(
        own, aep, unread=("other",)
    )
