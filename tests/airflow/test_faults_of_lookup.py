"""A task that cannot read its lake setting from Airflow is retried and writes nothing, through Airflow itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from airflow.utils.session import create_session
from sqlalchemy import text

from mixpanel_aep import airflow_lookup as lookup
from mixpanel_aep.lakes import LAKE_VARIABLE
from tests.airflow.airflow_runner import Airflow

pytestmark = pytest.mark.airflow


@contextmanager
def table_away(name: str) -> Iterator[None]:
    """Airflow's API server cannot read a table and answers 500, as when its database is unavailable."""
    with create_session() as session:
        session.execute(text(f"ALTER TABLE {name} RENAME TO {name}_away"))
    try:
        yield
    finally:
        with create_session() as session:
            session.execute(text(f"ALTER TABLE {name}_away RENAME TO {name}"))


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default lake, which must stay empty; tries follow each other without a wait."""
    monkeypatch.setenv("MIXPANEL_AEP_LAKE", f"file://{tmp_path}/default-lake")
    monkeypatch.setattr(lookup, "_WAIT_SECONDS", (0.0, 0.0))
    return tmp_path / "default-lake"


@pytest.fixture
def variable_lake(airflow: Airflow) -> Iterator[Airflow]:
    """A pipeline whose file names no lake; the Airflow variable does."""
    from airflow.models import Variable

    where = airflow.scenario.where
    Variable.set(LAKE_VARIABLE, where.lake)
    airflow.scenario.where = replace(where, lake=None)  # type: ignore[arg-type]
    airflow.parse()
    airflow.scenario.where = where
    yield airflow
    Variable.delete(LAKE_VARIABLE)


def test_a_task_that_cannot_read_its_lake_setting_is_retried_and_writes_nothing(
    variable_lake: Airflow, trap: Path
) -> None:
    run = variable_lake.run("scheduled")
    with table_away("variable"):
        assert run.attempt("export") == "up_for_retry"
    assert not trap.exists(), "the default lake was taken for the variable's"
    run.green()
    assert not trap.exists()


def test_an_unset_variable_means_the_default_lake(variable_lake: Airflow, trap: Path) -> None:
    from airflow.models import Variable

    Variable.delete(LAKE_VARIABLE)
    assert variable_lake.run("scheduled").attempt("export") == "success"
    assert list(trap.rglob("raw/*/manifest.json"))
