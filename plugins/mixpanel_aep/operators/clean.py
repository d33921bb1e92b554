"""Clean: removes files from the lake by the pipeline's retention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from include.clock import SYSTEM_CLOCK
from include.errors import AccessDenied
from mixpanel_aep.context import open_lake, validate_conf
from mixpanel_aep.operators.base import PipelineOperator, Summary

if TYPE_CHECKING:
    from airflow.sdk import Context


class CleanOperator(PipelineOperator):
    """Removes superseded copies and files beyond the pipeline's retention; the only task that removes anything.

    If the store forbids it, the task is skipped, unless the pipeline file has ``retention``.
    """

    def run_pipeline(self, context: Context) -> Summary:
        """Clean the pipeline's part of the lake."""
        from include.steps.clean import clean

        validate_conf(context)
        try:
            cleaned = clean(open_lake(self.pipeline), self.pipeline, SYSTEM_CLOCK.now())
        except AccessDenied as denied:
            if self.pipeline.has_retention:
                raise
            raise AirflowSkipException(str(denied)) from None
        self.log.info("Lake of %s: %s", self.pipeline.name, cleaned)
        return {"counts": cleaned.counts}
