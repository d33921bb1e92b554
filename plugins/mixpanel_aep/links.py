"""Links on the page of a task in Airflow: to the batch in AEP, to the report of the day, to the run of the day.

Users can edit XCom, where tasks store links. So the link to a report is built from the task's identity alone, and the
other links are shown only if they have the exact form that this project writes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink
from airflow.sdk.bases.operator import BaseOperator
from airflow.sdk.bases.xcom import BaseXCom

from include.aep.settings import AepSettings

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

_SEGMENT = r"[A-Za-z0-9._~%-]{1,300}"
_BATCH = re.compile(
    rf"https://experience\.adobe\.com/#/sname:{_SEGMENT}/platform/batch/{_SEGMENT}"
    r"|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?/_sandbox/aep/batches/" + _SEGMENT + "/page",
    re.ASCII,
)
_DAY_RUN = re.compile(
    r"/dags/mixpanel_to_aep_[a-z0-9_]{1,63}/runs/manual__\d{4}-\d\d-\d\d__[0-9T_]{8,40}", re.ASCII
)


def _pull_link(link: BaseOperatorLink, operator: BaseOperator, ti_key: TaskInstanceKey) -> object:
    """Return the value that a task stored in XCom for one of its links. Users can edit it, so check it before use."""
    if isinstance(operator, BaseOperator):  # in the task's own process
        return BaseXCom.get_one(
            key=link.xcom_key,
            dag_id=ti_key.dag_id,
            task_id=ti_key.task_id,
            run_id=ti_key.run_id,
            map_index=ti_key.map_index,
        )
    from airflow.serialization.definitions.operatorlink import XComOperatorLink

    return XComOperatorLink(name=link.name, xcom_key=link.xcom_key).get_link(operator, ti_key=ti_key)


class BatchLink(BaseOperatorLink):
    """The link to the page of a batch, in AEP or in the local sandbox."""

    KEY = "batch_link"
    name = "AEP batch"

    @property
    def operators(self) -> list[type]:  # type: ignore[override]
        """The operators whose tasks have this link. They are imported here, because their modules import this one."""
        from mixpanel_aep.operators.ingest import AepIngestOperator
        from mixpanel_aep.operators.reconcile import ReconcileDayOperator

        return [AepIngestOperator, ReconcileDayOperator]

    @property
    def xcom_key(self) -> str:
        """The XCom key under which the task stores the link."""
        return self.KEY

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the link that the task stored in XCom, or an empty text if it is invalid."""
        text = _pull_link(self, operator, ti_key)
        return text if isinstance(text, str) and self.is_link(text) else ""

    @staticmethod
    def is_link(text: object) -> bool:
        """Return whether a value from XCom has the form of the address of a batch's page."""
        return isinstance(text, str) and _BATCH.fullmatch(text) is not None

    @staticmethod
    def href(settings: AepSettings, batch_id: str) -> str:
        """Return the address of the page of a batch, in AEP or in the local sandbox.

        Args:
            settings: the settings of the AEP connection, which name the AEP sandbox or the address of the local
                sandbox.
            batch_id: the id of the batch.
        """
        if settings.sandbox_url:
            return f"{settings.sandbox_url}/_sandbox/aep/batches/{quote(batch_id, safe='')}/page"
        place = f"sname:{quote(settings.aep_sandbox, safe='')}/platform/batch/{quote(batch_id, safe='')}"
        return f"https://experience.adobe.com/#/{place}"


class DayRunLink(BaseOperatorLink):
    """The link from a run of ``mixpanel_aep_day_...`` to the run of the daily DAG that it started."""

    KEY = "day_run_link"
    name = "Run of the day"

    @property
    def operators(self) -> list[type]:  # type: ignore[override]
        """The operator whose tasks have this link. It is imported here, because its module imports this one."""
        from mixpanel_aep.operators.start_day import StartDayOperator

        return [StartDayOperator]

    @property
    def xcom_key(self) -> str:
        """The XCom key under which the task stores the link."""
        return self.KEY

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the link that the task stored in XCom, or an empty text if it is invalid."""
        text = _pull_link(self, operator, ti_key)
        return text if isinstance(text, str) and _DAY_RUN.fullmatch(text) else ""

    @staticmethod
    def href(dag_id: str, run_id: str) -> str:
        """Return the path of the page of a DAG run in Airflow."""
        return f"/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


class ReportLink(BaseOperatorLink):
    """The link to the quality report of the day that a run processed; users who may read the DAG can open it."""

    name = "Report"

    @property
    def operators(self) -> list[type]:  # type: ignore[override]
        """The operator whose tasks have this link. It is imported here, because its module imports this one."""
        from mixpanel_aep.operators.validate import XdmValidateOperator

        return [XdmValidateOperator]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return the path of the page that shows the report of the task's run."""
        return f"/mixpanel-aep/report/{quote(ti_key.dag_id, safe='')}?run_id={quote(ti_key.run_id, safe='')}"
