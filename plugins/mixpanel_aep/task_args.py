"""The settings of a pipeline file for a task in Airflow, as the arguments of an operator."""

from __future__ import annotations

from typing import Any

from include.config.airflow import TaskName
from include.config.model import Pipeline
from mixpanel_aep.pods import executor_config


def task_args(pipeline: Pipeline, name: TaskName) -> dict[str, Any]:
    """Return ``pipeline``, the task's retries, timeout, pool, priority, owner and queue, and the size of its pod.

    A task in a DAG of your own may have another name: ``MixpanelExportOperator(task_id="mine", **task_args(pipeline,
    "export"))``.
    """
    settings = pipeline.airflow
    sized = executor_config(name, settings.pod_resources(name))
    return {
        "pipeline": pipeline,
        **settings.task_args(name),
        **({"executor_config": sized} if sized else {}),
    }
