"""Lineage and metrics as Airflow's own processes send them: OpenLineage to a file, StatsD and OpenTelemetry to a socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.airflow.airflow_runner import Airflow, AirflowRun
from tests.airflow.processes import Worker, wait_for
from tests.faults.process_run import DAYS, STEPS
from tests.support.http_server import Reply, Request, serve_http

pytestmark = pytest.mark.airflow


@contextmanager
def new_worker() -> Iterator[Worker]:
    """A worker that has read its configuration from the environment of now."""
    worker = Worker()
    try:
        yield worker
    finally:
        worker.close()


def load(worker: Worker, run: AirflowRun, *steps: str) -> None:
    for step in steps or STEPS:
        worker.start(run, step)
        assert worker.wait() == 0
        assert run.state(step) == "success", step


def named(datasets: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(dataset["namespace"], dataset["name"]) for dataset in datasets]


def test_every_step_reports_its_datasets_counts_and_schema_to_openlineage(
    airflow: Airflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = tmp_path / "lineage.jsonl"
    transport = {"type": "file", "log_file_path": str(events), "append": True}
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", json.dumps(transport))
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__NAMESPACE", "tests")
    with new_worker() as worker:
        load(worker, airflow.run("x", kind="scheduled"))
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    complete = {
        line["job"]["name"].rpartition(".")[2]: line for line in lines if line["eventType"] == "COMPLETE"
    }
    assert set(complete) == set(STEPS)
    scenario = airflow.scenario
    folder = f"{scenario.where.lake.removeprefix('file://')}/{scenario.pipeline.name}"
    lake = [("file", f"{folder}/{name}") for name in ("raw", "xdm", "valid", "staged")]
    target = scenario.history.target
    aep = (f"aep://{target.org_id}", f"{target.aep_sandbox}.{target.dataset_id}")
    chain = [("mixpanel://us", str(scenario.project_id)), *lake, aep]
    for step, read, written in zip(STEPS, chain, chain[1:], strict=False):
        event = complete[step]
        assert (named(event["inputs"]), named(event["outputs"])) == ([read], [written]), step
        facet = event["run"]["facets"]["mixpanel_aep_partition"]
        assert (facet["pipeline"], facet["partition"]) == (scenario.pipeline.name, str(DAYS[0]))
        (output,) = event["outputs"]
        assert output["outputFacets"]["outputStatistics"]["rowCount"] == 3, step
        fields = output["facets"].get("schema", {}).get("fields", [])
        types = {field["name"]: field["type"] for field in fields}
        assert types.get("timestamp") == (None if step == "export" else "date-time"), step
    assert complete["ingest"]["run"]["facets"]["mixpanel_aep_partition"]["counts"]["active"] == 3
    assert "not-real" not in events.read_text(), "a secret"


def test_counts_and_airflows_own_metrics_go_to_statsd(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(receiver.getsockname()[1]))
        with new_worker() as worker:
            load(worker, airflow.run("x", kind="scheduled"), "export")
        received: list[str] = []

        def all_there() -> bool:
            received.extend(receiver.recv(65536).decode().splitlines())
            return {"airflow.mixpanel_aep.export.exported:3|g"} <= set(received) and any(
                line.startswith("airflow.task.duration:") for line in received
            )

        wait_for(all_there, 30)


def decoded(body: bytes) -> ExportMetricsServiceRequest:
    """Return a request; an empty one for a corrupt request: the exporter sends its values again at every interval."""
    try:
        return ExportMetricsServiceRequest.FromString(body)
    except DecodeError:
        return ExportMetricsServiceRequest()


def test_counts_go_to_opentelemetry(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: Request) -> Reply:
        return Reply(200, headers={"Content-Type": "application/x-protobuf"})

    with serve_http(answer) as receiver:
        monkeypatch.setenv("AIRFLOW__METRICS__OTEL_ON", "True")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{receiver.url}/v1/metrics")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf")
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
        with new_worker() as worker:
            load(worker, airflow.run("x", kind="scheduled"), "export")

        def exported() -> list[tuple[float, dict[str, str]]]:
            return [
                (
                    point.as_double or point.as_int,
                    {each.key: each.value.string_value for each in point.attributes},
                )
                for request in receiver.requests
                for resource in decoded(request.body).resource_metrics
                for scope in resource.scope_metrics
                for metric in scope.metrics
                if metric.name == "airflow.mixpanel_aep.export.exported"
                for point in metric.gauge.data_points
            ]

        assert wait_for(exported, 30)[0] == (3, {"pipeline": airflow.scenario.pipeline.name})
