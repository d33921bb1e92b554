"""The tasks ``shards``, ``validate_shard`` and ``validate``: check the rows of a day against the XDM schema and rules.

A large day is divided into shards, which several tasks validate.
"""

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
    """The task ``shards``: lists the shards that must be validated; none if the day is small or already validated."""

    def run_pipeline(self, context: Context) -> list[str]:
        """Return the names of the shards of the mapped day that are not validated yet."""
        from include.steps.validate.shard_step import unchecked_shards

        workspace = self.workspace(context)
        mapped = workspace.require("transform", self.upstream_digest(context, "transform"))
        shards = unchecked_shards(workspace, mapped)
        self.log.info(
            "Found %s of partition %s to validate", counted(len(shards), "shard"), workspace.partition
        )
        return [shard.name for shard in shards]


class XdmValidateShardOperator(PartitionOperator):
    """The mapped task ``validate_shard``: validates one shard of a day. The task ``validate`` then decides on the day.

    :param shard: the name of the shard; one of those that the task ``shards`` returned.
    """

    template_fields = ("shard",)

    def __init__(self, *, pipeline: Pipeline, shard: str, **kwargs: Any) -> None:
        super().__init__(pipeline=pipeline, **kwargs)
        self.shard = shard

    def run_step(self, workspace: Workspace, context: Context) -> Summary:
        """Validate the shard, and return the summary.

        Raises:
            AirflowSkipException: the day was validated, or divided into other shards, after ``shards`` ran.
        """
        from include.steps.validate.shard_step import unchecked_shards

        mapped = workspace.require("transform", self.upstream_digest(context, "transform"))
        for shard in unchecked_shards(workspace, mapped):
            if shard.name == self.shard:
                made = self.steps(workspace, context).validate_shard(mapped, shard)
                return self.summary(workspace, made)
        raise AirflowSkipException(
            f"Partition {workspace.partition} has no shard {self.shard!r} to validate: the day is already validated, "
            "or shard_events was changed."
        )


class XdmValidateOperator(PartitionOperator):
    """The task ``validate``: validates the mapped day, or combines the results of its shards, and writes the report."""

    operator_extra_links = (ReportLink(),)

    def run_step(self, workspace: Workspace, context: Context) -> Summary:
        """Validate the mapped day, and return the summary with the address of the report."""
        mapped = workspace.require("transform", self.upstream_digest(context, "transform"))
        manifest = self.steps(workspace, context).validate(mapped)
        return {**self.summary(workspace, manifest), "report": workspace.lake.uri(manifest.details["report"])}
