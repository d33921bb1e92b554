"""Sends the counts of the steps as Airflow metrics, to StatsD or OpenTelemetry as Airflow is configured."""

from __future__ import annotations

from collections.abc import Mapping

from airflow.sdk.observability import stats


def report_counts(pipeline: str, step: str, counts: Mapping[str, int]) -> None:
    """Set the gauge ``mixpanel_aep.<step>.<name>`` for each of a step's counts, with the pipeline as a tag."""
    for name, number in counts.items():
        stats.gauge(f"mixpanel_aep.{step}.{name}", number, tags={"pipeline": pipeline})
