"""Airflow distinguishes "not set" from "unavailable"; a task never uses the default lake for the latter."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.clock import Clock
from include.errors import ConfigError, SettingsUnavailable, Transient
from include.lake.lake import Lake
from mixpanel_aep import airflow_lookup as lookup
from mixpanel_aep import lakes
from mixpanel_aep.hooks.aep import AepHook
from mixpanel_aep.hooks.mixpanel import MixpanelHook
from mixpanel_aep.lakes import distributed_executors, open_lake
from tests.airflow.connections import connection_variables
from tests.support.pipeline_runner import PIPELINES, quick_sandbox

pytestmark = pytest.mark.airflow


def comms(answers: list[Any]) -> SimpleNamespace:
    """A supervisor that gives these answers and then repeats the last one; it always lists the names of variables."""

    def send(message: Any) -> Any:
        if type(message).__name__ in ("GetVariableKeys", "MaskSecret"):
            return SimpleNamespace(keys=[])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return SimpleNamespace(send=send)


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Any:
    from airflow.sdk.execution_time import task_runner

    def give(*answers: Any) -> None:
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", comms(list(answers)), raising=False)

    return give


def error_answer(kind: str) -> Any:
    from airflow.sdk.exceptions import ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    return ErrorResponse(error=ErrorType[kind])


def test_a_temporary_failure_is_retried_with_increasing_waits(supervisor: Any) -> None:
    waits: list[float] = []
    supervisor(
        error_answer("API_SERVER_ERROR"),
        error_answer("API_SERVER_ERROR"),
        ConnectionError(),
        EOFError(),
        error_answer("VARIABLE_NOT_FOUND"),
    )
    assert lookup.read_variable("some", Clock(sleep=waits.append)) is None
    assert waits == [1.0, 3.0]


@pytest.mark.parametrize(
    "answer", ["API_SERVER_ERROR", "GENERIC_ERROR", "CONNECTION_NOT_FOUND"], ids=lambda kind: kind.lower()
)
def test_every_error_but_not_found_is_an_outage(supervisor: Any, answer: str) -> None:
    waits: list[float] = []
    supervisor(error_answer(answer))
    with pytest.raises(SettingsUnavailable, match=f"the variable 'some' is set \\({answer}\\)"):
        lookup.read_variable("some", Clock(sleep=waits.append))
    assert waits == [1.0, 3.0, 9.0]
    assert issubclass(SettingsUnavailable, Transient)


def test_a_missing_connection_is_named_and_an_outage_is_reported_as_such(supervisor: Any) -> None:
    clock = Clock(sleep=lambda seconds: None)
    supervisor(error_answer("CONNECTION_NOT_FOUND"))
    with pytest.raises(ConfigError, match=r"Airflow has no connection 'mixpanel_x'\. Create it under Admin"):
        lookup.read_connection("mixpanel_x", clock)
    supervisor(error_answer("API_SERVER_ERROR"))
    with pytest.raises(SettingsUnavailable, match="the connection 'mixpanel_x' is set"):
        lookup.read_connection("mixpanel_x", clock)


def test_an_unavailable_secrets_backend_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.execution_time import context, supervisor

    class Vault:
        def get_variable(self, key: str) -> str:
            raise TimeoutError("https://vault.example.com?token=secret")

    for module in (supervisor, context):
        monkeypatch.setattr(module, "ensure_secrets_backend_loaded", lambda: [Vault()], raising=False)
    with pytest.raises(SettingsUnavailable, match=r"\(TimeoutError\)") as away:
        lookup.read_variable("some", Clock(sleep=lambda seconds: None))
    assert "secret'" not in str(away.value)
    assert "token" not in str(away.value)


@pytest.mark.parametrize(
    ("setting", "elsewhere"),
    [
        ("LocalExecutor", []),
        ("SequentialExecutor", []),
        ("airflow.executors.local_executor.LocalExecutor", []),
        ("here:airflow.executors.local_executor.LocalExecutor", []),
        ("LocalExecutor:here", []),
        ("team_a=LocalExecutor", []),
        ("", []),
        ("CeleryExecutor", ["CeleryExecutor"]),
        ("LocalExecutor,KubernetesExecutor", ["KubernetesExecutor"]),
        ("LocalExecutor;team_a=CeleryExecutor", ["CeleryExecutor"]),
        ("airflow.providers.edge3.executors.EdgeExecutor", ["EdgeExecutor"]),
        ("airflow.providers.amazon.aws.executors.ecs.AwsEcsExecutor:ecs", ["AwsEcsExecutor"]),
        ("LocalExecutor:acme.executors.Farm", ["Farm"]),
    ],
)
def test_every_executor_except_the_local_ones_may_run_tasks_elsewhere(
    setting: str, elsewhere: list[str]
) -> None:
    assert distributed_executors(setting) == elsewhere


def test_a_folder_lake_under_celery_is_refused_unless_declared_as_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = PIPELINES["hostile"].model_copy(update={"lake": f"file://{tmp_path}/lake"})
    assert open_lake(pipeline).root == tmp_path / "lake"
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    with pytest.raises(
        ConfigError, match="folder of one machine, but the executor CeleryExecutor"
    ) as refused:
        open_lake(pipeline)
    assert "MIXPANEL_AEP_LAKE_SHARED" in refused.value.hint
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE_SHARED", "yes")
    assert isinstance(open_lake(pipeline), Lake)
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE_SHARED", "no")
    monkeypatch.setenv("MIXPANEL_AEP_LAKE_SHARED", "yes")
    assert isinstance(open_lake(pipeline), Lake)
    monkeypatch.delenv("MIXPANEL_AEP_LAKE_SHARED")
    bucket = pipeline.model_copy(update={"lake": "s3://bucket/lake"})
    assert open_lake(bucket).url == "s3://bucket/lake"


@pytest.mark.usefixtures("airflow_stage")  # Airflow reads the connection from its database
@pytest.mark.parametrize(
    ("conn_id", "changed"), [("mixpanel_shop", {"project_id": 42}), ("aep_default", {"aep_sandbox": "none"})]
)
def test_a_failed_test_names_the_connection_that_was_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conn_id: str, changed: dict[str, Any]
) -> None:
    """Through Airflow's own route, which gives the hook a connection with a temporary id."""
    import json

    from airflow.api_fastapi.core_api.datamodels.connections import ConnectionBody
    from airflow.api_fastapi.core_api.routes.public.connections import test_connection as route

    monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")
    with quick_sandbox(tmp_path / "sandbox") as server:
        row = json.loads(connection_variables(server.url)[f"AIRFLOW_CONN_{conn_id.upper()}"])
        body = ConnectionBody(
            connection_id=conn_id, **{**row, "extra": json.dumps({**row["extra"], **changed})}
        )
        anyone = SimpleNamespace(is_authorized_connection=lambda **asked: False)
        answer = route(body, SimpleNamespace(), anyone)  # type: ignore[arg-type]
        assert not answer.status
        assert conn_id in answer.message
        hook = MixpanelHook(conn_id) if conn_id.startswith("mixpanel") else AepHook(conn_id)
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({**row, "password": "wrong"}))
        assert conn_id in hook.test_connection()[1]


def test_the_command_line_and_airflow_agree_on_the_precedence_of_lake_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = PIPELINES["hostile"]
    monkeypatch.setenv("MIXPANEL_AEP_LAKE", "s3://environment")
    assert lakes.lake_url(pipeline) == "s3://environment"
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", "s3://variable")
    assert lakes.lake_url(pipeline) == "s3://variable"
    assert lakes.lake_url(pipeline.model_copy(update={"lake": "s3://own"})) == "s3://own"
