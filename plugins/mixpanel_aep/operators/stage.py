"""Stage: writes files in the format that AEP accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.steps.workspace import Workspace
from mixpanel_aep.operators.base import PartitionOperator, Summary


class AepStageOperator(PartitionOperator):
    """Writes the valid rows that are not active yet as AEP-ready files, named by their content."""

    def run_step(self, workspace: Workspace, context: Mapping[str, Any]) -> Summary:
        """Stage the valid rows."""
        valid = workspace.require("validate", self.upstream_digest(context, "validate"))
        return self.summary(workspace, self.steps(workspace, context).stage(valid))
