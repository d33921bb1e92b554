"""The environment of a benchmark's steps: the shop's pipeline, a lake in a folder, and the sandbox of ``export_server.py``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from include.config.loader import load_pipeline
from include.config.model import Pipeline
from include.lake.history import Source
from include.lake.lake import Lake
from include.mixpanel.client import MixpanelClient
from include.mixpanel.settings import MixpanelSettings
from include.steps.workspace import Workspace

if TYPE_CHECKING:
    from include.aep.client import AepClient

DAY = date(2026, 7, 1)
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class BenchmarkEnvironment:
    """``folder`` contains the lake and the variant's field group and mapping set; ``url`` is the sandbox's address."""

    folder: Path
    url: str

    @property
    def lake(self) -> Lake:
        """The lake."""
        return Lake(f"file://{self.folder}/lake")

    @property
    def pipeline(self) -> Pipeline:
        """The shop's pipeline."""
        return load_pipeline(ROOT / "include/pipelines/shop.yaml")

    @property
    def workspace(self) -> Workspace:
        """The workspace of the benchmark's day."""
        return Workspace.of(self.lake, self.pipeline, DAY)

    @property
    def source(self) -> Source:
        """The Mixpanel project."""
        return self._mixpanel.source

    @property
    def mixpanel(self) -> MixpanelClient:
        """A client of Mixpanel."""
        return MixpanelClient(self._mixpanel)

    @property
    def aep(self) -> AepClient:
        """A client of AEP."""
        # Imported late, as by the operators: an export does not need it.
        from include.aep.client import AepClient
        from include.aep.settings import AepSettings

        return AepClient(AepSettings.from_connection(**self._connection(self.pipeline.aep.conn_id)))

    @property
    def _mixpanel(self) -> MixpanelSettings:
        return MixpanelSettings.from_connection(**self._connection(self.pipeline.mixpanel.conn_id))

    def use_variant(self) -> None:
        """Read field groups and mapping sets from the benchmark's folder in this process."""
        from include.aep.setup import field_group
        from include.xdm.mapping import mapping_file

        field_group.FIELD_GROUPS = self.folder / "field_groups"
        mapping_file.MAPPINGS = self.folder / "mappings"

    def _connection(self, conn_id: str) -> dict[str, Any]:
        known = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text())["airflow"]["connections"]
        (row,) = (each for each in known if each["conn_id"] == conn_id)
        address = urlsplit(self.url)
        return {
            "conn_id": conn_id, "login": row["conn_login"], "password": row["conn_password"],
            "host": address.hostname, "port": address.port, "extra": dict(row["conn_extra"]),
        }  # fmt: skip
