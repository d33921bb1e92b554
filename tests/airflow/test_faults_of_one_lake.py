"""The command line and Airflow's tasks use one lake and one set of connections, through Airflow's own database."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.cli.__main__ import main
from include.cli.local_airflow import Airflow
from include.cli.settings_lookup import find_connection, find_lake
from include.config.loader import PIPELINES as FOLDER
from include.errors import ConfigError, SettingsUnavailable
from include.lake.lake import Lake
from include.lake.lake_id import LAKE_TAG, read_lake_id
from mixpanel_aep import lakes
from mixpanel_aep.hooks.aep import AepHook
from mixpanel_aep.operators.setup import AepSetupOperator
from tests.airflow.connections import connection_variables
from tests.support.pipeline_runner import PIPELINES, PROJECT, quick_sandbox

pytestmark = pytest.mark.airflow
HOSTILE = PIPELINES["hostile"]
ASKED = Airflow((HOSTILE.mixpanel.conn_id, HOSTILE.aep.conn_id))
FILE = PROJECT / "airflow_settings.yaml"


@pytest.fixture
def database(airflow_stage: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Set an Airflow variable or connection in the database until the test ends."""
    from airflow.models import Connection, Variable
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    monkeypatch.setenv("PYTHONPATH", f"{PROJECT}:{PROJECT / 'plugins'}")

    def give(lake: str | None = None, **connections: dict[str, Any]) -> None:
        if lake is not None:
            Variable.set(lakes.LAKE_VARIABLE, lake)
        with create_session() as session:
            for conn_id, fields in connections.items():
                session.add(Connection(conn_id=conn_id, **fields))

    yield give
    with create_session() as session:
        session.execute(delete(Variable).where(Variable.key == lakes.LAKE_VARIABLE))
        session.execute(delete(Connection).where(Connection.conn_id.in_(ASKED.conn_ids)))


def fresh() -> Airflow:
    return Airflow(ASKED.conn_ids)


def test_a_day_run_from_the_command_line_uses_the_lake_of_airflows_variable(
    database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise the command line used its default folder, and Airflow loaded the day a second time."""
    pipelines = shutil.copytree(FOLDER, tmp_path / "pipelines")
    monkeypatch.setenv("MIXPANEL_AEP_LAKE", f"file://{tmp_path}/default")
    monkeypatch.setenv("MIXPANEL_AEP_LAKES", f"file://{tmp_path}")
    monkeypatch.setattr("include.cli.project.PROJECT", tmp_path)  # A folder without airflow_settings.yaml.
    with quick_sandbox(tmp_path / "sandbox") as server:
        rows = {
            name.removeprefix("AIRFLOW_CONN_").lower(): json.loads(text)
            for name, text in connection_variables(server.url).items()
        }
        rows = {
            conn_id: {**rows[conn_id], "extra": json.dumps(rows[conn_id]["extra"])}
            for conn_id in ASKED.conn_ids
        }
        database(f"file://{tmp_path}/variable", **rows)
        for command in (["apply", "hostile"], ["run", "hostile", "2026-07-01"]):
            assert main([*command, "--pipelines", str(pipelines)]) == 0, capsys.readouterr()
            printed = capsys.readouterr()
            assert (
                f"lake      file://{tmp_path}/variable (from Airflow's variable mixpanel_aep_lake)"
                in printed.out
            )
            assert "not-real" not in printed.out + printed.err
    assert list((tmp_path / "variable").rglob("raw/*/manifest.json"))
    assert not (tmp_path / "default").exists()


def test_both_use_the_same_lake_settings_and_report_their_origin(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(pipeline: Any = HOSTILE) -> tuple[str, str]:
        found = find_lake(pipeline, None, fresh())
        monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")  # Here Airflow's side may read the database.
        assert lakes.lake_url(pipeline) == found.url
        return found.url.rpartition("/")[2], found.origin

    assert both() == ("lake", "the default, because no setting names one")
    monkeypatch.setenv("MIXPANEL_AEP_LAKE", "s3://of/environment")
    assert both() == ("environment", "the environment variable MIXPANEL_AEP_LAKE")
    database("")
    assert both()[0] == "environment", "an empty variable is not set"
    database("s3://of/variable")
    monkeypatch.setenv("MIXPANEL_AEP_ENV", "production")
    with pytest.raises(ConfigError, match="'s3://of/variable' is not allowed in this deployment"):
        lakes.lake_url(HOSTILE)
    monkeypatch.setenv("MIXPANEL_AEP_LAKES", "s3://of")
    assert both() == ("variable", "Airflow's variable mixpanel_aep_lake")
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", "s3://of/airflow-environment")
    assert both()[0] == "airflow-environment"
    own = HOSTILE.model_copy(update={"lake": "s3://of/its-own"})
    assert both(own) == ("its-own", "lake: of the pipeline file")


def test_a_lake_option_that_contradicts_the_pipeline_file_is_refused() -> None:
    own = HOSTILE.model_copy(update={"lake": "s3://of/its-own"})
    assert find_lake(own, "s3://of/its-own/", fresh()).origin == "lake: of the pipeline file"
    with pytest.raises(ConfigError, match="sets the lake s3://of/its-own, but --lake sets another one"):
        find_lake(own, "s3://another", fresh())
    assert find_lake(HOSTILE, "s3://another", fresh()).origin == "--lake"


def test_connections_come_from_airflow_and_never_from_the_demo_if_airflow_is_present(database: Any) -> None:
    with pytest.raises(ConfigError, match="Airflow on this machine has no connection 'aep_default'"):
        find_connection("aep_default", None, FILE, fresh())
    database(
        aep_default={
            "conn_type": "adobe_experience_platform",
            "login": "real",
            "password": "p",
            "extra": '{"a": "b"}',
        }
    )
    found = find_connection("aep_default", None, FILE, fresh())
    assert (found["login"], found["password"], found["extra"]) == ("real", "p", {"a": "b"})
    assert find_connection("aep_default", FILE, FILE, fresh())["login"] == "demo-client-0000", (
        "a file was named"
    )


def test_an_unavailable_airflow_is_not_an_airflow_without_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{PROJECT}:{PROJECT / 'plugins'}")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{tmp_path}/empty.db")
    monkeypatch.setattr("mixpanel_aep.airflow_lookup._WAIT_SECONDS", ())
    with pytest.raises(SettingsUnavailable, match="--lake and --connections"):
        find_lake(HOSTILE, None, fresh())


def test_a_folder_lake_under_celery_is_also_refused_on_the_command_line(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    with pytest.raises(ConfigError, match="executor CeleryExecutor may run tasks on several"):
        find_lake(HOSTILE, None, fresh())


def test_without_airflow_the_settings_file_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_connection("aep_default", None, FILE, fresh())["login"] == "demo-client-0000"
    assert find_lake(HOSTILE, None, fresh()).origin.startswith("the default")


def test_setup_in_airflow_gives_the_lake_its_id_and_tags_the_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = f"file://{tmp_path}/lake"
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", lake)
    with quick_sandbox(tmp_path / "sandbox") as server:
        for name, value in connection_variables(server.url).items():
            monkeypatch.setenv(name, value)
        run = {"dag_run": SimpleNamespace(conf=None)}
        operator = AepSetupOperator(task_id="hostile", pipeline=HOSTILE)
        assert operator.execute(run)["changes"]
        assert operator.execute(run)["changes"] == []
        dataset = AepHook("aep_default").get_conn().catalog.require_dataset(HOSTILE.aep.dataset)
        assert dataset["tags"][LAKE_TAG] == [read_lake_id(Lake(lake))]
        assert dataset["tags"]["mixpanel-aep/source"] == ["eu/3000001"]
        monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", f"file://{tmp_path}/another")
        with pytest.raises(AirflowFailException, match=r"but the lake file://.*/another has no id"):
            operator.execute(run)
