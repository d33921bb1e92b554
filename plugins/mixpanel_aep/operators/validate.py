"""Validate: checks rows against the expectations that follow from the XDM schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.steps.workspace import Workspace
from mixpanel_aep.links import ReportLink
from mixpanel_aep.operators.base import PartitionOperator, Summary

if TYPE_CHECKING:
    from airflow.sdk import Context


class XdmValidateOperator(PartitionOperator):
    """Runs Great Expectations over the mapped day, chunk by chunk; the report page is linked from the task."""

    operator_extra_links = (ReportLink(),)

    def run_step(self, workspace: Workspace, context: Context) -> Summary:
        """Validate the mapped day."""
        mapped = workspace.require("transform", self.upstream_digest(context, "transform"))
        manifest = self.steps(workspace, context).validate(mapped)
        return {**self.summary(workspace, manifest), "report": workspace.lake.uri(manifest.details["report"])}
