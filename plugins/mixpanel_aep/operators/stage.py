"""Stage: writes files in the format that AEP accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.steps.workspace import Workspace
from mixpanel_aep.operators.base import PartitionOperator, Summary

if TYPE_CHECKING:
    from airflow.sdk import Context


class AepStageOperator(PartitionOperator):
    """Writes the valid rows that are not active yet as AEP-ready files, named by their content."""

    def run_step(self, workspace: Workspace, context: Context) -> Summary:
        """Stage the valid rows."""
        valid = workspace.require("validate", self.upstream_digest(context, "validate"))
        return self.summary(workspace, self.steps(workspace, context).stage(valid))
