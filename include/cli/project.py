"""What every command works with: the pipeline, its connections, its lake, and lines of raw events."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from include.aep.client import AepClient
from include.aep.ownership import Ownership
from include.aep.settings import AepSettings
from include.cli.sources import Airflow, LakeSetting, find_connection, find_lake, find_seal
from include.clock import SYSTEM_CLOCK, Clock
from include.config.loader import (
    PIPELINES,
    load_pipeline,
    load_readable_pipelines,
    neighbour_names,
    require_apart,
)
from include.config.model import Pipeline
from include.errors import ConfigError
from include.http.call import ASKED_BY_A_PERSON, Patience
from include.lake.keys import KeyKind, PartitionKey, read_key
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.lake.patience import INTERACTIVE_SECONDS
from include.mixpanel.budget import ExportBudget
from include.mixpanel.client import EXPORT_PATIENCE, MixpanelClient
from include.mixpanel.settings import MixpanelSettings
from include.steps.asked import exports
from include.steps.export_delta import read_day
from include.steps.workspace import Workspace

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Project:
    """A pipeline, and where its connections and its lake are. Mappings, field groups and names are the project's own."""

    pipeline: Pipeline
    connections: Path | None
    """The file that --connections names."""
    lake_setting: LakeSetting
    airflow: Airflow
    pipelines: Path = PIPELINES
    clock: Clock = SYSTEM_CLOCK
    patience: Patience | None = None

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Project:
        """What the command line names.

        Raises:
            ConfigError: there is no such pipeline, its file is wrong, or another pipeline is in its way.
            SettingsUnavailable: Airflow on this machine could not be asked for the lake.
        """
        path = arguments.pipelines / f"{arguments.pipeline}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(found.stem for found in arguments.pipelines.glob("*.yaml")))
            raise ConfigError(
                f"There is no pipeline {arguments.pipeline!r}.", f"There are: {known or 'none'}."
            )
        pipeline = load_pipeline(path)
        for other in load_readable_pipelines(arguments.pipelines, but=path.stem)[0]:
            require_apart(*sorted((pipeline, other), key=lambda each: each.name))
        airflow = Airflow((pipeline.mixpanel.conn_id, pipeline.aep.conn_id))
        lake = find_lake(pipeline, arguments.lake, airflow)
        return cls(pipeline, arguments.connections, lake, airflow, arguments.pipelines)

    @property
    def lake(self) -> Lake:
        # A command that a person waits for has a patience of its own.
        patience = INTERACTIVE_SECONDS if self.patience is ASKED_BY_A_PERSON else None
        return Lake(self.lake_setting.url, find_seal(self.lake_setting, self.airflow), patience=patience)

    @property
    def mixpanel_settings(self) -> MixpanelSettings:
        return MixpanelSettings.from_connection(**self._connection(self.pipeline.mixpanel.conn_id))

    @property
    def mixpanel(self) -> MixpanelClient:
        """A client that keeps to the project's budget of exports, which is in the lake, once that is there."""
        settings, lake = self.mixpanel_settings, self.lake
        budget = ExportBudget(lake, settings.project_id) if lake.exists else None
        return MixpanelClient(settings, self.clock, budget, self.patience or EXPORT_PATIENCE)

    @property
    def aep(self) -> AepClient:
        settings = AepSettings.from_connection(**self._connection(self.pipeline.aep.conn_id))
        return AepClient(settings, self.clock, patience=self.patience)

    @property
    def owner(self) -> Ownership:
        """Who asks for the pipeline's dataset."""
        source = str(self.mixpanel_settings.source)
        return Ownership(self.pipeline.name, self.lake, source, neighbour_names(self.pipeline))

    def workspace(self, day: date) -> Workspace:
        return Workspace.of(self.lake, self.pipeline, day, self.clock)

    def newest_days(self, count: int) -> tuple[date, date]:
        """The first and the last of the newest days that are over in the project's zone, and that the pipeline carries.

        Raises:
            ConfigError: there is none yet.
        """
        yesterday = self.clock.now().astimezone(self.pipeline.mixpanel.day_zone).date() - timedelta(days=1)
        last = min(yesterday, self.pipeline.end_date or yesterday)
        if last < self.pipeline.start_date:
            raise ConfigError(
                f"No day of pipeline {self.pipeline.name} is over yet.",
                "Set an earlier start_date in its file.",
            )
        return max(last - timedelta(days=count - 1), self.pipeline.start_date), last

    def exported(self, day: date) -> Manifest | None:
        """The day's newest export whose file is in the lake."""
        place = Workspace(self.lake, self.pipeline, PartitionKey(self.pipeline.name, day), self.clock)
        found = sorted(exports(self.lake, place.partition), key=lambda each: each.created_at, reverse=True)
        return next(filter(place.has_files, found), None)

    def exported_days(self, most: int) -> list[date]:
        """The newest days that were exported and whose exports are kept, newest first."""
        found = map(read_key, self.lake.keys(self.pipeline.name))
        days = {key.day for key in found if key and key.step == "export" and key.kind is KeyKind.OUTPUT_FILE}
        kept = (day for day in sorted(days, reverse=True) if self.exported(day) is not None)
        return list(islice(kept, most))

    @contextmanager
    def raw_lines(self, day: date) -> Iterator[Iterator[bytes]]:
        """The raw events of an exported day, as they came; their bytes are checked first."""
        manifest = self.exported(day)
        place = self.workspace(day)
        with place.scratch() as scratch:
            yield read_day(place, manifest, scratch) if manifest else iter(())

    @contextmanager
    def sample(self, first: date, last: date, limit: int) -> Iterator[Iterator[bytes]]:
        """At most ``limit`` raw events of some days straight from Mixpanel, of the kinds that the pipeline asks for."""
        source = self.pipeline.mixpanel
        with self.mixpanel.export(
            first,
            last,
            events=source.events,
            where=source.where,
            limit=limit,
            time_in_ms=source.time_in_ms,
        ) as lines:
            yield islice(lines, limit)

    def _connection(self, conn_id: str) -> dict[str, Any]:
        return find_connection(conn_id, self.connections, PROJECT / "airflow_settings.yaml", self.airflow)
