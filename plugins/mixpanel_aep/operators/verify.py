"""The task ``verify``: compares AEP's data lake with a pipeline's ledgers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from include.clock import SYSTEM_CLOCK
from include.errors import QueryServiceBusy
from include.plural import counted
from mixpanel_aep.context import open_lake, validate_conf
from mixpanel_aep.hooks.aep import AepHook
from mixpanel_aep.hooks.mixpanel import MixpanelHook
from mixpanel_aep.operators.base import PipelineOperator, Summary

if TYPE_CHECKING:
    from airflow.sdk import Context


class VerifyOperator(PipelineOperator):
    """Compares days in AEP's data lake with the ledgers, by the ``_id``s of their rows.

    Days that changed since their last verification are compared first, then those whose verification is the oldest. The
    task succeeds if the days are equal. It fails if rows are lost, duplicate or unknown to the ledger. It is skipped if
    AEP's data lake could not be read, or Query Service was busy until the last try.
    """

    def run_pipeline(self, context: Context) -> Summary:
        """Compare days, fail if AEP and the ledgers differ, and return the counts."""
        from include.steps.history.open_history import open_history
        from include.steps.verify import verify

        validate_conf(context)
        lake, settings = open_lake(self.pipeline), self.pipeline.verify
        aep = AepHook(self.pipeline.aep.conn_id).get_conn()
        source = MixpanelHook(self.pipeline.mixpanel.conn_id, lake).settings().source
        opened = open_history(lake, self.pipeline, aep, source, all_days=True)
        with aep.lake_reader(settings.reader) as reader:
            found = verify(
                opened.history,
                opened.dataset,
                reader,
                aep,
                self.pipeline,
                clock=SYSTEM_CLOCK,
                budget_seconds=settings.budget_seconds,
            )
        self.log.info("%s; postponed=%d left=%d", found, len(found.postponed), found.left)
        for result in found.differing:
            self.log.error("%s", result)
        found.require_equal()
        if found.is_busy and not self._is_last_try(context):
            raise QueryServiceBusy(
                found.reason,
                "The results of the compared days are saved. A retry of the task compares the remaining days.",
            )
        if not found.is_verified:
            raise AirflowSkipException(str(found))
        if found.reason:
            self.log.warning("%s not verified: %s", counted(found.left, "day"), found.reason)
        return {
            "counts": found.counts,
            "rows_of_others": found.others,
            "postponed": [str(day) for day in found.postponed],
            "left": found.left,
        }

    @staticmethod
    def _is_last_try(context: Context) -> bool:
        ti = context["ti"]
        return int(ti.try_number) > int(ti.max_tries)
