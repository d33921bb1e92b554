"""The task ``stage``: selects the rows to load, and stores them in files that AEP accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.steps.workspace import Workspace
from mixpanel_aep.operators.base import PartitionOperator, Summary

if TYPE_CHECKING:
    from airflow.sdk import Context


class AepStageOperator(PartitionOperator):
    """Writes the valid rows that are not active in AEP yet to files in a format that AEP accepts.

    A file's name is the digest of its content, so that sending it a second time changes nothing.
    """

    def run_step(self, workspace: Workspace, context: Context) -> Summary:
        """Stage the rows of the validated day, and return the summary."""
        valid = workspace.require("validate", self.upstream_digest(context, "validate"))
        return self.summary(workspace, self.steps(workspace, context).stage(valid))
