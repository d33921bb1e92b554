"""The inputs of the commands: a pipeline with its connections and its lake, and access to its raw events."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path

from include.aep.client import AepClient
from include.aep.ownership import Ownership
from include.aep.profile_batches import Neighbours
from include.aep.settings import AepSettings
from include.cli.local_airflow import Airflow
from include.cli.settings_lookup import LakeSetting, find_connection, find_lake, find_signing_keys
from include.clock import SYSTEM_CLOCK, Clock
from include.config.loader import (
    PIPELINES,
    known_pipeline_names,
    load_pipeline,
    load_readable_pipelines,
    pipeline_names,
    require_no_conflict,
)
from include.config.model import Pipeline
from include.errors import ConfigError
from include.http.connection_fields import ConnectionFields
from include.http.request import INTERACTIVE, RetryPolicy
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.lake.manifests import days_in_lake
from include.lake.stores.retry_settings import INTERACTIVE_RETRY_SECONDS
from include.mixpanel.client import EXPORT_RETRY_POLICY, MixpanelClient
from include.mixpanel.export_budget import ExportBudget
from include.mixpanel.settings import MixpanelSettings
from include.steps.export.export_delta import read_day
from include.steps.export.export_request import ExportRequest
from include.steps.export.stored_exports import exports
from include.steps.export.suppress import Suppressor
from include.steps.workspace import Workspace

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Project:
    """A pipeline with its lake and its connections, which a command works on.

    Attributes:
        pipeline: the pipeline.
        connections: the file with connections that ``--connections`` names, or None.
        lake_setting: the lake's address, and where it was found.
        airflow: the Airflow on this machine.
        pipelines: the folder of the pipeline files.
        clock: the clock.
        retry_policy: how requests to the services are repeated; None: the default policy of each client.
    """

    pipeline: Pipeline
    connections: Path | None
    lake_setting: LakeSetting
    airflow: Airflow
    pipelines: Path = PIPELINES
    clock: Clock = SYSTEM_CLOCK
    retry_policy: RetryPolicy | None = None

    @classmethod
    def of(cls, pipeline: str, connections: Path | None, pipelines: Path, lake: str | None) -> Project:
        """Load a pipeline and find its lake, from the options of a command.

        Args:
            pipeline: the pipeline's name.
            connections: the value of ``--connections``.
            pipelines: the folder of the pipeline files.
            lake: the value of ``--lake``.

        Raises:
            ConfigError: the pipeline was not found, its file is invalid, it conflicts with another pipeline, or its
                lake is not allowed.
            SettingsUnavailable: Airflow's variable for the lake could not be read.
        """
        path = pipelines / f"{pipeline}.yaml"
        if not path.is_file():
            known = ", ".join(pipeline_names(pipelines))
            raise ConfigError(
                f"Pipeline {pipeline!r} was not found.", f"Existing pipelines: {known or 'none'}."
            )
        found = load_pipeline(path)
        others = load_readable_pipelines(pipelines, except_name=path.stem)[0]
        for other in others:
            require_no_conflict(*sorted((found, other), key=lambda each: each.name))
        aep_connections = dict.fromkeys(each.aep.conn_id for each in (found, *others))
        airflow = Airflow((found.mixpanel.conn_id, *aep_connections))
        return cls(found, connections, find_lake(found, lake, airflow), airflow, pipelines)

    @property
    def lake(self) -> Lake:
        """The pipeline's lake."""
        # Users of an interactive command can retry themselves.
        retry_seconds = INTERACTIVE_RETRY_SECONDS if self.retry_policy is INTERACTIVE else None
        return Lake(
            self.lake_setting.url,
            find_signing_keys(self.lake_setting, self.airflow),
            retry_seconds=retry_seconds,
        )

    @property
    def mixpanel_settings(self) -> MixpanelSettings:
        """The settings of the Mixpanel connection."""
        return MixpanelSettings.from_connection(**self._connection(self.pipeline.mixpanel.conn_id))

    @property
    def mixpanel(self) -> MixpanelClient:
        """A client of Mixpanel. If the lake exists, the client shares its rate limit of exports with all workers."""
        settings, lake = self.mixpanel_settings, self.lake
        budget = ExportBudget(lake, settings.project_id, self.clock) if lake.exists else None
        return MixpanelClient(settings, self.clock, budget, self.retry_policy or EXPORT_RETRY_POLICY)

    @property
    def aep(self) -> AepClient:
        """A client of AEP."""
        settings = self._aep_settings(self.pipeline.aep.conn_id)
        return AepClient(settings, self.clock, retry_policy=self.retry_policy)

    @property
    def owner(self) -> Ownership:
        """The pipeline, lake and Mixpanel project that the tags of the pipeline's dataset must name."""
        source = str(self.mixpanel_settings.source)
        return Ownership(self.pipeline.name, self.lake, source, known_pipeline_names(self.pipeline))

    def neighbours(self) -> Neighbours:
        """Return the other pipelines in the same folder that load into the same AEP sandbox."""
        others = load_readable_pipelines(self.pipelines, except_name=self.pipeline.name)[0]
        return Neighbours.of(self.pipeline, others, self._aep_settings)

    def workspace(self, day: date) -> Workspace:
        """Return the workspace of a day, with which the steps read and write the lake.

        Raises:
            PipelineError: the day is outside the pipeline's days.
        """
        return Workspace.of(self.lake, self.pipeline, day, self.clock)

    def newest_days(self, count: int) -> tuple[date, date]:
        """Return the first and the last day of the pipeline's newest ``count`` days that have ended.

        Days end in the project's time zone. There are fewer days if the pipeline began later.

        Raises:
            ConfigError: no day of the pipeline has ended yet.
        """
        yesterday = self.clock.now().astimezone(self.pipeline.mixpanel.day_zone).date() - timedelta(days=1)
        last = min(yesterday, self.pipeline.end_date or yesterday)
        if last < self.pipeline.start_date:
            raise ConfigError(
                f"No day of pipeline {self.pipeline.name} is over yet.",
                "Set an earlier start_date in its pipeline file.",
            )
        return max(last - timedelta(days=count - 1), self.pipeline.start_date), last

    def newest_export(self, day: date) -> Manifest | None:
        """Return the manifest of the newest export of a day whose files are in the lake, or None."""
        return self._newest_export(day)

    def export_with_current_filter(self, day: date) -> Manifest | None:
        """Return the manifest of the newest export of a day under the pipeline's current filter, or None.

        The files of the export must be in the lake.
        """
        return self._newest_export(
            day, ExportRequest.of(self.workspace(day), self.mixpanel_settings.source).digests
        )

    def _newest_export(self, day: date, requests: Collection[str] | None = None) -> Manifest | None:
        """Return the newest export of a day. ``requests``: the digests of the accepted requests; None: all."""
        workspace = Workspace(self.lake, self.pipeline, PartitionKey(self.pipeline.name, day), self.clock)
        found = exports(self.lake, workspace.partition, requests)
        newest_first = sorted(found, key=lambda each: each.created_at, reverse=True)
        return next(filter(workspace.has_files, newest_first), None)

    def exported_days(self, most: int) -> list[date]:
        """Return the newest days that have an export with its files in the lake, newest first. ``most``: how many."""
        days = reversed(days_in_lake(self.lake, self.pipeline.name))
        return list(islice((day for day in days if self.newest_export(day) is not None), most))

    @contextmanager
    def raw_lines(self, day: date) -> Iterator[Iterator[bytes]]:
        """Yield the raw lines of the newest export of a day; no lines if the day was not exported.

        The files are copied and their digests are verified before the first line is read.
        """
        manifest = self.newest_export(day)
        if manifest is None:
            yield iter(())
            return
        with self.lines_of(day, manifest) as lines:
            yield lines

    @contextmanager
    def lines_of(self, day: date, export: Manifest) -> Iterator[Iterator[bytes]]:
        """Yield the raw lines of an export of a day, after the digests of its files are verified."""
        workspace = self.workspace(day)
        with workspace.scratch() as scratch:
            yield read_day(workspace, export, scratch)

    @contextmanager
    def sample(self, first: date, last: date, limit: int) -> Iterator[Iterator[bytes]]:
        """Request at most ``limit`` events from Mixpanel under the pipeline's filter, and yield their raw lines.

        ``first``, ``last``: the first and the last day of the events.
        """
        source = self.pipeline.mixpanel
        with self.mixpanel.export(
            first,
            last,
            events=source.events,
            where=source.where,
            limit=limit,
            time_in_ms=source.time_in_ms,
        ) as lines:
            yield islice(self._without_forgotten(lines), limit)

    def _without_forgotten(self, lines: Iterable[bytes]) -> Iterable[bytes]:
        """Return the lines without those of people on the lake's suppression list."""
        found = Suppressor.of(self.lake, self.pipeline, self.mixpanel_settings.project_id)
        return (line for line in lines if not found.matcher.matches(line)) if found.suppression else lines

    def _aep_settings(self, conn_id: str) -> AepSettings:
        return AepSettings.from_connection(**self._connection(conn_id))

    def _connection(self, conn_id: str) -> ConnectionFields:
        return find_connection(conn_id, self.connections, PROJECT / "airflow_settings.yaml", self.airflow)
