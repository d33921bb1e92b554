"""Sets the CPU and memory of each task's pod, for the KubernetesExecutor.

``airflow_local_settings.py`` exports ``pod_mutation_hook``, which Airflow calls for every pod before it is created.
Pods of other DAGs are not changed. A size in the pipeline file is part of the DAG, as the task's ``pod_override``,
because the scheduler may not have the pipeline files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from include.config.airflow import quantity_number

if TYPE_CHECKING:
    from kubernetes.client.models import V1Pod

_DAG_PREFIXES = ("mixpanel_to_aep_", "mixpanel_aep_")
_CONTAINER = "base"
_SIZED = "mixpanel-aep/size"
_FIELDS = {"cpu": "cpu", "memory": "memory", "max_cpu": "most_cpu", "max_memory": "most_memory"}


@dataclass(frozen=True)
class PodSize:
    """The CPU and the memory of a pod, in Kubernetes' notation, such as ``250m`` and ``512Mi``.

    Attributes:
        cpu: the requested CPU.
        memory: the requested memory.
        most_cpu: the limit of the CPU.
        most_memory: the limit of the memory.
    """

    cpu: str
    memory: str
    most_cpu: str
    most_memory: str

    def resources(self) -> dict[str, dict[str, str]]:
        """Return the section ``resources`` of a container: its requests and limits."""
        return {
            "requests": {"cpu": self.cpu, "memory": self.memory},
            "limits": {"cpu": self.most_cpu, "memory": self.most_memory},
        }


_SMALL = PodSize("250m", "384Mi", "1", "512Mi")
_MIDDLE = PodSize("250m", "512Mi", "1", "1Gi")
_LARGE = PodSize("1", "1Gi", "2", "2Gi")
SIZES = {
    "export": _SMALL,
    "transform": _LARGE,
    "shards": _SMALL,
    "validate_shard": _LARGE,
    "validate": _LARGE,
    "stage": _MIDDLE,
    "ingest": _SMALL,
    "refresh": _MIDDLE,
    "day": _LARGE,  # all steps of a day in one process
    "close": _SMALL,
    "audit": _MIDDLE,
    "clean": _SMALL,
    "verify": _LARGE,
    "start": _SMALL,
}
"""The size of the pod of each task, by task id.

The memory is more than the measured peak of a day with a million events (docs/performance.md), and includes 200 MB for
Airflow itself.
"""


def pod_size(task: str, configured: Mapping[str, str]) -> PodSize:
    """Return the size of a task's pod.

    Kubernetes refuses a request above its limit. So if only one of the two is configured and the default of the other
    would contradict it, the other gets the same value.

    Args:
        task: the task id.
        configured: the settings of the pipeline file, ``cpu``, ``memory``, ``max_cpu`` and ``max_memory``, which
            replace the values of ``SIZES``.
    """
    size = replace(SIZES.get(task, _MIDDLE), **{_FIELDS[key]: value for key, value in configured.items()})
    for least, most in (("cpu", "max_cpu"), ("memory", "max_memory")):
        request, limit = getattr(size, _FIELDS[least]), getattr(size, _FIELDS[most])
        if quantity_number(request) > quantity_number(limit):
            other, value = (most, request) if least in configured else (least, limit)
            size = replace(size, **{_FIELDS[other]: value})
    return size


def executor_config(task: str, configured: Mapping[str, str]) -> dict[str, object]:
    """Return the ``executor_config`` of a task whose pod has a size in the pipeline file.

    It is empty without such a size, or if the Kubernetes client is not installed, so that Airflow creates no pods.

    Args:
        task: the task id.
        configured: the size in the pipeline file, as in :func:`pod_size`.
    """
    if not configured or find_spec("kubernetes") is None:
        return {}
    from kubernetes.client import models as k8s

    resources = k8s.V1ResourceRequirements(**pod_size(task, configured).resources())
    container = k8s.V1Container(name=_CONTAINER, resources=resources)
    metadata = k8s.V1ObjectMeta(annotations={_SIZED: "pipeline file"})
    return {"pod_override": k8s.V1Pod(metadata=metadata, spec=k8s.V1PodSpec(containers=[container]))}


def pod_mutation_hook(pod: V1Pod) -> None:
    """Set the requests and limits of a pod's main container, if the pod is for a task of this project.

    Airflow calls this function. A pod whose size comes from the pipeline file is not changed.
    """
    labels = (pod.metadata.labels if pod.metadata else None) or {}
    dag, task = labels.get("dag_id", ""), labels.get("task_id", "")
    annotations = getattr(pod.metadata, "annotations", None) or {}
    if not dag.startswith(_DAG_PREFIXES) or _SIZED in annotations:
        return
    size = SIZES.get(task, _MIDDLE)
    for container in pod.spec.containers:
        if container.name == _CONTAINER:
            container.resources = size.resources()
