"""Reads what Airflow on this machine has: variables, connections and settings, in a separate process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

from include.cli.airflow_deployment import AirflowDeployment
from include.errors import ConfigError, SettingsUnavailable
from include.json_types import JsonMapping

_ANSWER_SECONDS = 120
_OTHERWISE = "Or set --lake and --connections to Airflow's values."


class DeploymentOutput(TypedDict):
    """The settings of Airflow that tasks need. ``airflow``: its version."""

    airflow: str
    missing_pools: list[str]
    heartbeat_seconds: float


class BridgeOutput(DeploymentOutput):
    """The output of ``mixpanel_aep.cli_bridge``: Airflow's variables, connections (None: not found) and settings."""

    lake: str | None
    lake_secret: str | None
    connections: dict[str, JsonMapping | None]


@dataclass(frozen=True)
class Airflow:
    """The Airflow of this machine. Its variables and the connections ``conn_ids`` are read once, when one is needed."""

    conn_ids: tuple[str, ...]

    @property
    def is_configured(self) -> bool:
        """Whether Airflow is installed and configured: ``airflow.cfg`` or an environment variable ``AIRFLOW__...`` exists."""
        home = Path(os.environ.get("AIRFLOW_HOME") or Path.home() / "airflow")
        configured = (home / "airflow.cfg").is_file() or any(
            name.startswith("AIRFLOW__") for name in os.environ
        )
        return configured and find_spec("airflow") is not None and find_spec("mixpanel_aep") is not None

    @property
    def lake(self) -> str | None:
        """The lake in Airflow's variable, if it is set."""
        return self._answer["lake"] or None

    @property
    def lake_secret(self) -> str | None:
        """The signing keys in Airflow's variable, if they are set."""
        return self._answer["lake_secret"] or None

    def connection(self, conn_id: str) -> JsonMapping | None:
        """Return the fields of a connection, or None if Airflow does not have it."""
        return self._answer["connections"][conn_id]

    @property
    def deployment(self) -> AirflowDeployment:
        """The settings of Airflow that tasks need."""
        answer = self._answer
        return AirflowDeployment(
            answer["airflow"], tuple(answer["missing_pools"]), float(answer["heartbeat_seconds"])
        )

    @cached_property
    def _answer(self) -> BridgeOutput:
        """What Airflow has, read once in a separate process.

        Raises:
            SettingsUnavailable: Airflow could not be read; no default is used then.
            ConfigError: the folder of the lake is not for several machines.
        """
        command = [sys.executable, "-m", "mixpanel_aep.cli_bridge", *self.conn_ids]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_ANSWER_SECONDS, check=False)  # noqa: S603 - our own module
            answer = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise SettingsUnavailable(
                f"Airflow on this machine could not be read for the lake and the connections ({type(error).__name__}).",
                f"`airflow db check` shows whether it works. {_OTHERWISE}",
            ) from None
        if "error" in answer:
            sentence, hint = answer["error"]
            kind = ConfigError if answer["terminal"] else SettingsUnavailable
            raise kind(sentence, f"{hint} {_OTHERWISE}")
        read: BridgeOutput = answer
        return read
