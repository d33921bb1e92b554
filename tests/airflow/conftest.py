"""A separate Airflow for the tests: its home is a temporary folder, set before Airflow is imported."""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.airflow.airflow_runner import Airflow, AirflowStage
    from tests.airflow.processes import Worker

PROJECT = Path(__file__).parents[2]

_home = tempfile.mkdtemp(prefix="mixpanel-aep-airflow-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
os.environ |= {
    "AIRFLOW_HOME": _home,
    "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # for the reason in scripts/demo/settings.py
    "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
}


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Start a sandbox of the test's own, and return its address; Airflow's connections lead to it."""
    from tests.airflow.connections import connected_sandbox

    with connected_sandbox(tmp_path, monkeypatch) as address:
        yield address


@pytest.fixture(scope="session")
def airflow_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowStage]:
    """A metadata database and a sandbox for all fault tests."""
    from airflow.utils.db import initdb

    from mixpanel_aep_sandbox.core.server import SandboxServer
    from tests.airflow.airflow_runner import AirflowStage
    from tests.faults.s3_proxy import proxied

    logging.disable(logging.WARNING)
    initdb()
    logging.disable(logging.NOTSET)
    # The lakes are folders; the S3 address that every stage has is not served.
    with SandboxServer(tmp_path_factory.mktemp("sandbox")) as server, proxied("http://127.0.0.1:9") as s3:
        yield AirflowStage(server.url, tmp_path_factory.mktemp("faults"), s3, {}, "")


@pytest.fixture(scope="session")
def worker(airflow_stage: AirflowStage) -> Iterator[Worker]:
    from tests.airflow.processes import Worker

    worker = Worker()
    yield worker
    worker.close()


@pytest.fixture
def airflow(
    airflow_stage: AirflowStage,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Airflow]:
    """A pipeline for one test: its project with three events, and its DAG."""
    from tests.airflow.airflow_runner import Airflow, connections
    from tests.faults.case import three

    # Do not wait for another run's claim: it would only take longer.
    monkeypatch.setattr("include.steps.ingest.claim._WAIT_SECONDS", 0.0)
    # AEP does not progress while a task polls it; the test advances the sandbox's clock afterwards.
    monkeypatch.setattr("mixpanel_aep.operators.ingest._POLL_SECONDS", ())
    monkeypatch.setattr("mixpanel_aep.operators.ingest._TRIGGER_POLL_SECONDS", 0.5)
    scenario = airflow_stage.scenario(
        request.node.name, mapping="mixpanel-defaults.json", aep={"field_group": "mixpanel-defaults.json"}
    )
    scenario.add(*three())
    for name, value in connections(scenario).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(tmp_path / "pipelines"))
    yield Airflow(scenario, tmp_path / "pipelines")
    scenario.discard()
    airflow_stage.clear_up()
