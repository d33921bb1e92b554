"""Counts of the steps as metrics of Airflow: StatsD or OpenTelemetry, whichever Airflow is configured for."""

from __future__ import annotations

from collections.abc import Mapping

from airflow.sdk.observability import stats


def report_counts(pipeline: str, step: str, counts: Mapping[str, int]) -> None:
    """Set a gauge ``mixpanel_aep.<step>.<count>`` for each count of a day, with the pipeline as a tag."""
    for name, number in counts.items():
        stats.gauge(f"mixpanel_aep.{step}.{name}", number, tags={"pipeline": pipeline})
