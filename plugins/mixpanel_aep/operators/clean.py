"""The task ``clean`` of the reconcile DAG: removes files from the lake whose retention has ended."""

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
    """Removes superseded files, and files whose retention has ended, from the pipeline's part of the lake.

    It is the only task that removes files of steps. If the role of the worker may not remove objects, the task is
    skipped, or fails if the pipeline file has the section ``retention``.
    """

    def run_pipeline(self, context: Context) -> Summary:
        """Remove the files, and return the counts of what was removed as the summary for XCom."""
        from include.steps.retention import clean

        validate_conf(context)
        try:
            cleaned = clean(open_lake(self.pipeline), self.pipeline, SYSTEM_CLOCK.now())
        except AccessDenied as denied:
            if self.pipeline.has_retention:
                raise
            raise AirflowSkipException(str(denied)) from None
        self.log.info("Lake of %s: %s", self.pipeline.name, cleaned)
        return {"counts": cleaned.counts}
