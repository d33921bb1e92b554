"""Whole partitions through Airflow: ``dag.test()`` against the sandbox, with the lake on disk and on S3."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import requests
from airflow.dag_processing.dagbag import DagBag
from moto.server import ThreadedMotoServer

from include.demo.evidence import Comparison, Sandbox
from include.lake.lake import Lake
from tests.airflow.connections import connection_variables
from tests.carrying import PIPELINES, Carrier, quick_sandbox

pytestmark = pytest.mark.airflow
PROJECT = Path(__file__).parents[2]
DAY = date(2026, 7, 1)


@pytest.fixture(scope="module", autouse=True)
def database() -> None:
    from airflow.utils.db import initdb

    logging.disable(logging.WARNING)
    initdb()
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def dags():
    return DagBag(str(PROJECT / "dags")).dags


@pytest.fixture
def s3() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    requests.put(f"http://127.0.0.1:{port}/test-lake", timeout=10).raise_for_status()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(params=["file", "s3"])
def carrier(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Carrier]:
    lake = f"file://{tmp_path}/lake"
    if request.param == "s3":
        lake = "s3://test-lake/prefix"
        aws = {"AWS_ENDPOINT_URL": request.getfixturevalue("s3"), "AWS_ACCESS_KEY_ID": "test",
               "AWS_SECRET_ACCESS_KEY": "test-not-real", "AWS_REGION": "us-east-1"}  # fmt: skip
        for name, value in aws.items():
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", lake)
    with quick_sandbox(tmp_path / "sandbox") as server:
        for name, value in connection_variables(server.url).items():
            monkeypatch.setenv(name, value)
        yield Carrier(server.url, Lake(lake), PIPELINES["hostile"])


def run(dag, conf: dict[str, str] | None = None) -> str:
    return str(dag.test(run_conf=conf or {}).state)


def test_a_day_goes_through_airflow_and_again_changes_nothing(carrier: Carrier, dags, caplog) -> None:
    assert run(dags["mixpanel_aep_setup"]) == "success"
    dag, conf = dags["mixpanel_to_aep_hostile"], {"partition_date": str(DAY)}
    assert run(dag, conf) == "success"
    result = carrier.result(DAY)
    assert (result.exported, result.duplicates, result.quarantined, result.active) == (9, 1, 1, 7)
    assert carrier.compare(DAY) == Comparison(0, 0, 0)
    asked = Sandbox(carrier.url).calls()
    assert run(dag, conf) == "success"
    assert Sandbox(carrier.url).calls() == asked
    assert carrier.result(DAY) == result
    assert not any(
        secret in caplog.text for secret in ("not-real", os.environ.get("AWS_SECRET_ACCESS_KEY", "not-real"))
    )
