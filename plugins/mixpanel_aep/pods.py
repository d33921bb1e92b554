"""The size of a task's pod by its step, for the KubernetesExecutor: ``pod_mutation_hook`` of ``airflow_local_settings.py``.

Airflow calls the hook for every pod before it is created. Pods of other DAGs are not changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_DAG_PREFIXES = ("mixpanel_to_aep_", "mixpanel_aep_")
_CONTAINER = "base"


@dataclass(frozen=True)
class PodSize:
    """What a pod requests, and its limits, as Kubernetes writes them."""

    cpu: str
    memory: str
    most_cpu: str
    most_memory: str

    def resources(self) -> dict[str, dict[str, str]]:
        """Return the requests and limits of the container."""
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
    "validate": _LARGE,
    "stage": _MIDDLE,
    "ingest": _SMALL,
    "look": _MIDDLE,
    "day": _LARGE,  # all steps of a day in one process
    "close": _SMALL,
    "audit": _MIDDLE,
    "clean": _SMALL,
    "verify": _LARGE,
}
"""By task id: above the peaks of a day of a million events (docs/performance.md), with Airflow's own 200 MB."""


def pod_mutation_hook(pod: Any) -> None:
    """Set requests and limits of the pod's main container, if it is for a task of this project."""
    labels = (pod.metadata.labels if pod.metadata else None) or {}
    dag, task = labels.get("dag_id", ""), labels.get("task_id", "")
    if not dag.startswith(_DAG_PREFIXES):
        return
    size = SIZES.get(task, _MIDDLE)
    for container in pod.spec.containers:
        if container.name == _CONTAINER:
            container.resources = size.resources()
