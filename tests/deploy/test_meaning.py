"""What the shipped environments mean to the project: allowed lakes and sandboxes, pods, buckets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from include.aep.settings import AepSettings
from include.config.airflow import AirflowSettings
from include.errors import ConfigError
from include.lake.signing_keys import SigningKeys
from include.lake.stores.endpoint import PLAIN_HTTP_VARIABLE, may_use_plain_http
from include.mixpanel.settings import MixpanelSettings
from mixpanel_aep.pods import SIZES, pod_mutation_hook
from tests.deploy.shipped import ROOT, environment_of, services, text_of, values
from tests.support.s3_server import SIGNED, s3_server

SECRETS = {
    name: bytes(range(32)).hex() for name in re.findall(r"\$\{([A-Z_]+):\?\}", text_of("compose.yaml"))
}
_AIRFLOW_MB = 200
"""The supervisor of a task and Airflow's part of its process."""
KINDS: dict[str, Any] = {"mixpanel": MixpanelSettings, "adobe_experience_platform": AepSettings}


def worker(*more: str, **given: str) -> dict[str, str]:
    return environment_of(services("compose.yaml", *more)["worker"], SECRETS | given)


@pytest.mark.unit
def test_the_lake_of_the_compose_file_is_allowed_by_its_environment() -> None:
    environment = worker()
    lake = environment["AIRFLOW_VAR_MIXPANEL_AEP_LAKE"]
    assert may_use_plain_http(lake, environment)
    with pytest.raises(ConfigError, match="plain HTTP"):
        may_use_plain_http(lake, environment | {PLAIN_HTTP_VARIABLE: ""})
    assert SigningKeys.parse(environment["MIXPANEL_AEP_LAKE_SECRET"]) is not None


@pytest.mark.unit
def test_the_sandbox_of_the_compose_files_is_allowed_only_outside_production(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = ("compose.sandbox.yaml",)
    environment = worker(*files, MIXPANEL_AEP_ENV="development")
    read = {}
    for name in ("MIXPANEL_AEP_SANDBOXES", "MIXPANEL_AEP_ENV"):
        monkeypatch.setenv(name, environment[name])
    for name, text in environment.items():
        if not name.startswith("AIRFLOW_CONN_") or name == "AIRFLOW_CONN_AWS_LOGS":
            continue
        fields = json.loads(text)
        kind = KINDS[fields.pop("conn_type")]
        read[name] = kind.from_connection(conn_id=name, **fields).sandbox_url
    assert set(read.values()) == {"http://sandbox:8765"}
    assert len(read) == 4
    assert worker(*files)["MIXPANEL_AEP_ENV"] == "production", "the default"
    assert "sandbox" not in services("compose.yaml")


@pytest.mark.sandbox
@pytest.mark.skipif(find_spec("boto3") is None, reason="the image has it")
def test_the_buckets_of_the_compose_file_are_created_once() -> None:
    service = services("compose.yaml")["buckets"]
    with s3_server("another-bucket") as url:
        environment = {**environment_of(service, SECRETS), "AWS_ENDPOINT_URL": url}
        for _ in range(2):
            subprocess.run(
                [sys.executable, *service["entrypoint"][1:]], env=environment, check=True, timeout=60
            )
        listed = requests.get(url, headers=SIGNED, timeout=10).text
    assert set(re.findall(r"<Name>([^<]+)", listed)) >= {"another-bucket", "mixpanel-aep", "airflow-logs"}


def pod(dag: str, task: str) -> Any:
    containers = [
        SimpleNamespace(name="base", resources=None),
        SimpleNamespace(name="sidecar", resources=None),
    ]
    return SimpleNamespace(
        metadata=SimpleNamespace(labels={"dag_id": dag, "task_id": task}),
        spec=SimpleNamespace(containers=containers),
    )


@pytest.mark.airflow
@pytest.mark.parametrize("files", [["values.yaml"], ["values.yaml", "values-celery.yaml"]])
def test_the_charts_local_settings_size_each_step(files: list[str]) -> None:
    names: dict[str, Any] = {}
    exec(compile(values(*files)["airflowLocalSettings"], "airflow_local_settings.py", "exec"), names)
    hook = names["pod_mutation_hook"]
    for task, size in SIZES.items():
        made = pod("mixpanel_to_aep_shop", task)
        hook(made)
        assert made.spec.containers[0].resources == size.resources()
        assert made.spec.containers[1].resources is None
    other = pod("somebodys_dag", "transform")
    hook(other)
    assert other.spec.containers[0].resources is None


@pytest.mark.airflow
def test_every_task_of_a_partition_has_its_own_size() -> None:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(ROOT / "dags"))
    assert bag.import_errors == {}
    tasks = {
        task.task_id for dag in bag.dags.values() if dag.dag_id != "mixpanel_aep_setup" for task in dag.tasks
    }
    assert tasks - set(SIZES) == {"finish"}, "which does nothing"


@pytest.mark.unit
def test_a_worker_has_memory_for_as_many_tasks_as_it_runs() -> None:
    most = max(_bytes(size.most_memory) for size in SIZES.values())
    chart = values("values.yaml", "values-celery.yaml")
    celery = int(chart["config"]["celery"]["worker_concurrency"])
    assert _bytes(chart["workers"]["resources"]["limits"]["memory"]) > celery * most
    compose = services("compose.yaml")["worker"]
    tasks = int(compose["environment"]["AIRFLOW__CELERY__WORKER_CONCURRENCY"])
    assert _bytes(compose["deploy"]["resources"]["limits"]["memory"] + "i") > tasks * most


@pytest.mark.unit
@pytest.mark.parametrize("step", ["export", "transform", "validate", "stage", "ingest", "day"])
def test_a_pod_requests_the_memory_that_was_measured(step: str) -> None:
    """The peak of a day of a million events (``make bench``), and Airflow's own part."""
    measured = json.loads((ROOT / "benchmarks" / "latest.json").read_text())
    found = {**measured["steps"], **measured["more"], "day": measured["export_to_staged"]}[step]
    needed = (found["peak_rss_mb"] + _AIRFLOW_MB) * 10**6
    assert needed <= _bytes(SIZES[step].memory)
    assert 1.25 * needed <= _bytes(SIZES[step].most_memory), "for larger days"


@pytest.mark.unit
def test_no_more_tasks_are_started_than_workers_run() -> None:
    """A task that waits in the broker has the slots of its pool, and fails after [scheduler] task_queued_timeout."""
    compose = services("compose.yaml")
    (workers,) = re.fullmatch(r"\$\{WORKERS:-(\d+)\}", compose["worker"]["deploy"]["replicas"]).groups()  # type: ignore[union-attr]
    each = int(compose["worker"]["environment"]["AIRFLOW__CELERY__WORKER_CONCURRENCY"])
    assert int(worker()["AIRFLOW__CORE__PARALLELISM"]) == int(workers) * each
    assert "replicas" not in compose["scheduler"].get("deploy", {}), "the setting is for each scheduler"
    chart = values("values.yaml", "values-celery.yaml")
    started = chart["scheduler"]["replicas"] * int(chart["config"]["core"]["parallelism"])
    assert started == chart["workers"]["replicas"] * int(chart["config"]["celery"]["worker_concurrency"])


@pytest.mark.unit
def test_the_scheduler_sees_the_runs_of_a_hundred_backfills_in_every_loop() -> None:
    """Airflow orders runs of backfills by their day: with its limit of 20, runs of later days would not be seen."""
    runs = 100 * (
        3 + AirflowSettings().max_active_runs // 2
    )  # a backfill of the board, and some scheduled runs
    compose = worker()
    chart = values("values.yaml")["config"]["scheduler"]
    astro = re.findall(r"AIRFLOW__SCHEDULER__(\w+)=(\d+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    for found in (
        {name.lower(): value for name, value in astro}, chart,
        {name.removeprefix("AIRFLOW__SCHEDULER__").lower(): value for name, value in compose.items()},
    ):  # fmt: skip
        assert int(found["max_dagruns_per_loop_to_schedule"]) >= runs
        assert found["max_tis_per_query"] == "0", "as many as slots are free"


@pytest.mark.unit
def test_alerts_of_a_deployment_have_a_link() -> None:
    """``mixpanel_aep.alerts.send`` makes it from this setting, in workers and in the triggerer."""
    for service in ("worker", "triggerer"):
        address = environment_of(services("compose.yaml")[service], SECRETS)["AIRFLOW__API__BASE_URL"]
        assert address == "http://127.0.0.1:8080"
    assert values("values.yaml")["config"]["api"]["base_url"].startswith("https://")


@pytest.mark.unit
def test_a_pod_without_labels_is_unchanged() -> None:
    bare = pod("", "")
    bare.metadata.labels = None
    pod_mutation_hook(bare)
    assert bare.spec.containers[0].resources is None


def _bytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", text).groups()  # type: ignore[union-attr]
    return int(number) * {"Mi": 2**20, "Gi": 2**30}[unit]


@pytest.mark.airflow
@pytest.mark.skipif(
    find_spec("kubernetes") is None, reason="of requirements-cluster.txt: make test-distributed runs it"
)
def test_the_executors_own_pods_get_their_size() -> None:
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
    from kubernetes.client import ApiClient
    from kubernetes.client import models as k8s

    made = PodGenerator.construct_pod(
        dag_id="mixpanel_to_aep_shop", task_id="transform", pod_id="x", try_number=1, kube_image="image:1",
        date=None, run_id="backfill__1", args=["x"], pod_override_object=None, namespace="n",
        base_worker_pod=k8s.V1Pod(metadata=k8s.V1ObjectMeta(), spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="base")])),
        scheduler_job_id="1", map_index=-1,
    )  # fmt: skip
    pod_mutation_hook(made)
    (container,) = ApiClient().sanitize_for_serialization(made)["spec"]["containers"]
    assert container["resources"] == SIZES["transform"].resources()
