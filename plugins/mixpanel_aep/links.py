"""Links from a task to what it made: the batch in AEP, the report of its partition."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink
from airflow.sdk.bases.xcom import BaseXCom

from include.aep.settings import AepSettings
from include.lake.keys import PartitionKey


class _XComLink(BaseOperatorLink):
    KEY = ""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002
        return str(BaseXCom.get_value(key=self.KEY, ti_key=ti_key) or "")

    @property
    def xcom_key(self) -> str:
        return self.KEY


class BatchLink(_XComLink):
    """The batch in AEP's own pages, or in the local sandbox."""

    KEY = "batch_link"
    name = "AEP batch"

    @staticmethod
    def href(settings: AepSettings, batch_id: str) -> str:
        if settings.sandbox_url:
            return f"{settings.sandbox_url}/_sandbox/aep/batches"
        return f"https://experience.adobe.com/#/sname:{quote(settings.aep_sandbox)}/platform/batch/{quote(batch_id)}"


class ReportLink(_XComLink):
    """The report page of the partition, served by the plugin to whoever may see the DAG."""

    KEY = "report_link"
    name = "Report"

    @staticmethod
    def href(dag_id: str, partition: PartitionKey) -> str:
        return f"/mixpanel-aep/report/{quote(dag_id)}/{partition}"
