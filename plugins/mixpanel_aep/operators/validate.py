"""Validate: checks rows against the expectations that follow from the XDM schema, a large day in shards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from include.config.model import Pipeline
from include.plural import counted
from include.steps.workspace import Workspace
from mixpanel_aep.links import ReportLink
from mixpanel_aep.operators.base import PartitionOperator, Summary

if TYPE_CHECKING:
    from airflow.sdk import Context


class XdmShardsOperator(PartitionOperator):
    """Returns the names of the shards that are to be validated: none for a day that is small, or validated already."""

    def run_pipeline(self, context: Context) -> list[str]:
        """List the shards of the mapped day."""
        from include.steps.validate.shard_step import unchecked_shards

        workspace = self.workspace(context)
        mapped = workspace.require("transform", self.upstream_digest(context, "transform"))
        shards = unchecked_shards(workspace, mapped)
        self.log.info("Partition %s: %s to validate", workspace.partition, counted(len(shards), "shard"))
        return [shard.name for shard in shards]


class XdmValidateShardOperator(PartitionOperator):
    """Validates one shard of the mapped day; the decisions about the day are made by the task *validate*.

    :param shard: the name of the shard; one of those that ``shards`` returned.
    """

    template_fields = ("shard",)

    def __init__(self, *, pipeline: Pipeline, shard: str, **kwargs: Any) -> None:
        super().__init__(pipeline=pipeline, **kwargs)
        self.shard = shard

    def run_step(self, workspace: Workspace, context: Context) -> Summary:
        """Validate the shard; skip it if the day is validated, or divided into other shards, in the meantime."""
        from include.steps.validate.shard_step import unchecked_shards

        mapped = workspace.require("transform", self.upstream_digest(context, "transform"))
        for shard in unchecked_shards(workspace, mapped):
            if shard.name == self.shard:
                made = self.steps(workspace, context).validate_shard(mapped, shard)
                return self.summary(workspace, made)
        raise AirflowSkipException(
            f"Partition {workspace.partition} has no shard {self.shard!r} that is to be validated: the day is validated, or "
            "shard_events was changed."
        )


class XdmValidateOperator(PartitionOperator):
    """Runs Great Expectations over the mapped day, or decides on its shards; the report page is linked from the task."""

    operator_extra_links = (ReportLink(),)

    def run_step(self, workspace: Workspace, context: Context) -> Summary:
        """Validate the mapped day."""
        mapped = workspace.require("transform", self.upstream_digest(context, "transform"))
        manifest = self.steps(workspace, context).validate(mapped)
        return {**self.summary(workspace, manifest), "report": workspace.lake.uri(manifest.details["report"])}
