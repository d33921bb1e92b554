"""Stage: files as AEP takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.steps.workspace import Workspace
from mixpanel_aep.context import replaces
from mixpanel_aep.operators.base import PartitionOperator, Summary


class AepStageOperator(PartitionOperator):
    """Writes the valid rows that are not active yet as AEP-ready files, named by their content."""

    def run_step(self, workspace: Workspace, context: Mapping[str, Any]) -> Summary:
        from include.steps.stage import stage_partition

        valid = workspace.require("validate", self.upstream_digest(context, "validate"))
        return self.summary(workspace, stage_partition(workspace, valid, replace=replaces(context)))
