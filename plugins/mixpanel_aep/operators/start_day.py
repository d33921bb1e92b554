"""The task ``start``: requests a run of the pipeline's daily DAG for one day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse, TriggerDagRun

from include.errors import ConfigError, SettingsUnavailable
from mixpanel_aep.context import parse_day, requested_refresh, should_replace, validate_conf
from mixpanel_aep.links import DayRunLink
from mixpanel_aep.operators.base import PipelineOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class StartDayOperator(PipelineOperator):
    """Starts a run of the daily DAG for the day that the user chose in the form, and stores a link to that run."""

    operator_extra_links = (DayRunLink(),)

    def run_pipeline(self, context: Context) -> dict[str, str]:
        """Request the run, and return its DAG, its id and the day. A retry finds the run of an earlier try.

        Raises:
            ConfigError: the form has no valid day or an invalid value, or the daily DAG is paused.
            SettingsUnavailable: Airflow did not start the run.
        """
        conf = validate_conf(context, ("day", "reprocess", "export_again"))
        day = str(parse_day(conf.pop("day", None)))
        should_replace(context)
        requested_refresh(context)
        dag_id, run_id = self.pipeline.dag_id, self._run_id(context, day)
        if context["ti"].get_dag(dag_id).is_paused:
            raise ConfigError(
                f"The DAG {dag_id} is paused, so a run of {day} would not start.",
                f"Unpause {dag_id}, then clear this task.",
            )
        note = f"Day {day}, started by {context['dag_run'].dag_id}"
        # Airflow 3.3's supervisor drops the partition key of such a request, so the day is in the run's conf.
        request = TriggerDagRun(dag_id=dag_id, run_id=run_id, conf={"partition_date": day, **conf}, note=note)
        self._request_run(request)
        context["ti"].xcom_push(DayRunLink.KEY, DayRunLink.href(dag_id, run_id))
        self.log.info("Run %s of %s loads %s", run_id, dag_id, day)
        return {"dag_id": dag_id, "run_id": run_id, "day": day}

    def _run_id(self, context: Context, day: str) -> str:
        """Return the id of the run to start: the same for every try, and another one after the task was cleared.

        Airflow increases ``max_tries`` when a task is cleared.
        """
        again = context["ti"].max_tries - (self.retries or 0)
        moment = f"{context['dag_run'].run_after:%Y%m%dT%H%M%S%f}"
        return f"manual__{day}__{moment}" + (f"_{again}" if again > 0 else "")

    @staticmethod
    def _request_run(request: TriggerDagRun) -> None:
        from airflow.sdk.execution_time import task_runner

        try:
            response = task_runner.SUPERVISOR_COMMS.send(request)
        except AirflowRuntimeError as error:
            response = error.error
        if isinstance(response, ErrorResponse) and response.error is not ErrorType.DAGRUN_ALREADY_EXISTS:
            raise SettingsUnavailable(
                f"Airflow did not start the run {request.run_id} of {request.dag_id} ({response.error.value}).",
                "Airflow's API server or metadata database is unavailable. Run the task again.",
            )
