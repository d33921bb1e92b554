"""Converts the settings of a pipeline file to the keyword arguments of a task's operator."""

from __future__ import annotations

from typing import Any

from include.config.airflow import TaskName
from include.config.model import Pipeline
from mixpanel_aep.pods import executor_config


def task_args(pipeline: Pipeline, name: TaskName) -> dict[str, Any]:
    """Return the keyword arguments of the operator for a task, except ``task_id``.

    They are the pipeline, and the task's retries, timeout, pool, priority, owner, queue and size of the pod. A task in
    your own DAG may have another id: ``MixpanelExportOperator(task_id="mine", **task_args(pipeline, "export"))``.
    """
    settings = pipeline.airflow
    sized = executor_config(name, settings.pod_resources(name))
    return {
        "pipeline": pipeline,
        **settings.task_args(name),
        **({"executor_config": sized} if sized else {}),
    }
