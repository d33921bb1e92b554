"""The task ``transform``: converts the raw events of a day into rows of the dataset's XDM schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.steps.transform.dropped_identities import dropped_sentences
from include.steps.workspace import Workspace
from mixpanel_aep.operators.base import PartitionOperator, Summary

if TYPE_CHECKING:
    from airflow.sdk import Context


class XdmTransformOperator(PartitionOperator):
    """Converts the exported events of a day into rows, by the pipeline's mapping set and the dataset's XDM schema."""

    def run_step(self, workspace: Workspace, context: Context) -> Summary:
        """Map the exported day, log values that could not be converted, and return the summary."""
        raw = workspace.require("export", self.upstream_digest(context, "export"))
        manifest = self.steps(workspace, context).transform(raw)
        if nulled := manifest.details["not_converted"]:
            columns = " ".join(f"{name}={number}" for name, number in nulled.items())
            self.log.warning(
                "Values that could not be converted were set to null in partition %s, by column: %s",
                manifest.partition,
                columns,
            )
        if dropped := dropped_sentences(manifest):
            self.log.warning(
                "Identities were dropped in partition %s: %s", manifest.partition, "; ".join(dropped)
            )
        return self.summary(workspace, manifest)
