"""Settings are added to an Airflow; existing ones are kept unless overwriting is requested."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mixpanel_aep import settings

pytestmark = pytest.mark.airflow
PROJECT = Path(__file__).parents[2]
SETTINGS, POOLS = PROJECT / "airflow_settings.yaml", PROJECT / "airflow_pools.yaml"
OURS = {
    "connections": ["aep_default", "mixpanel_shop", "mixpanel_hostile", "mixpanel_adobe_tutorial"],
    "pools": ["mixpanel_export", "aep_ingest", "aep_query"],
    "variables": ["mixpanel_aep_lake", "another"],
}


def clear() -> None:
    from airflow.models import Connection, Pool, Variable
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(Connection).where(Connection.conn_id.in_(OURS["connections"])))
        session.execute(delete(Pool).where(Pool.pool.in_(OURS["pools"])))
        session.execute(delete(Variable).where(Variable.key.in_(OURS["variables"])))


@pytest.fixture(autouse=True)
def production(airflow_stage: Any) -> Iterator[None]:
    """Return an Airflow in use: real credentials, a lake in a bucket, a pool with another size."""
    from airflow.models import Connection, Pool, Variable
    from airflow.utils.session import create_session

    clear()
    with create_session() as session:
        session.add(
            Connection(
                conn_id="aep_default",
                conn_type="adobe_experience_platform",
                login="real",
                password="real-secret",
            )
        )
        session.add(Pool(pool="aep_ingest", slots=2, description="ours", include_deferred=False))
    Variable.set("mixpanel_aep_lake", "s3://production/lake")
    yield
    clear()


def state() -> dict[str, Any]:
    from airflow.models import Connection, Pool, Variable
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        connections = session.scalars(select(Connection).where(Connection.conn_id.in_(OURS["connections"])))
        pools = session.scalars(select(Pool).where(Pool.pool.in_(OURS["pools"])))
        variables = session.scalars(select(Variable).where(Variable.key.in_(OURS["variables"])))
        return {
            **{row.conn_id: row.password for row in connections},
            **{row.pool: row.slots for row in pools},
            **{row.key: row.val for row in variables},
        }


def test_production_keeps_its_credentials_its_lake_and_its_pool(capsys: pytest.CaptureFixture[str]) -> None:
    settings.main([str(SETTINGS)])
    found = state()
    assert found["aep_default"] == "real-secret"
    assert found["mixpanel_aep_lake"] == "s3://production/lake"
    assert found["aep_ingest"] == 2
    assert found["mixpanel_export"] == 3, "what was missing is added"
    printed = capsys.readouterr().out
    for line in (
        "kept     connection aep_default",
        "kept     variable mixpanel_aep_lake",
        "kept     pool aep_ingest",
        "added    pool mixpanel_export",
        "added    connection mixpanel_shop",
        "--overwrite replaces them",
    ):
        assert line in printed
    assert "not-real" not in printed
    before = state()
    settings.main([str(SETTINGS)])
    assert state() == before
    assert "added" not in capsys.readouterr().out


def test_overwriting_is_explicit_and_clears_no_variable(capsys: pytest.CaptureFixture[str]) -> None:
    settings.main([str(SETTINGS), "--overwrite"])
    found = state()
    assert found["aep_default"] == "demo-secret-not-real-0001"
    assert found["aep_ingest"] == 4
    assert found["mixpanel_aep_lake"] == "s3://production/lake"
    assert "replaced connection aep_default" in capsys.readouterr().out


def test_a_variable_for_the_command_line_is_treated_as_any_other() -> None:
    settings.main([str(POOLS), "--variable", "mixpanel_aep_lake=s3://other", "--variable", "another=1"])
    assert state()["mixpanel_aep_lake"] == "s3://production/lake"
    assert state()["another"] == "1"
    settings.main([str(POOLS), "--variable", "mixpanel_aep_lake=s3://other", "--overwrite"])
    assert state()["mixpanel_aep_lake"] == "s3://other"


def test_the_production_file_has_the_demos_pools_only() -> None:
    demo, production = (yaml.safe_load(path.read_text())["airflow"] for path in (SETTINGS, POOLS))
    assert production == {"pools": demo["pools"]}
    assert json.loads(json.dumps(settings.convert({"airflow": production})))["connections"] == {}
