"""Read variables, connections and settings from the Airflow on this machine, in a separate process."""

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

_TIMEOUT_SECONDS = 120
_OTHERWISE = "Or set --lake and --connections to Airflow's values."


class DeploymentOutput(TypedDict):
    """The settings of Airflow that the DAGs depend on, as ``mixpanel_aep.cli_bridge`` prints them.

    ``airflow``: the version of Airflow. The other fields are those of ``AirflowDeployment``.
    """

    airflow: str
    missing_pools: list[str]
    heartbeat_seconds: float


class BridgeOutput(DeploymentOutput):
    """The JSON object that the process ``mixpanel_aep.cli_bridge`` prints.

    ``lake``, ``lake_secret``: the values of Airflow's variables; None if they are not set. ``connections``: the fields
    of each requested connection by id; None for a connection that Airflow does not have.
    """

    lake: str | None
    lake_secret: str | None
    connections: dict[str, JsonMapping | None]


@dataclass(frozen=True)
class Airflow:
    """The Airflow on this machine. Its variables and the connections ``conn_ids`` are read once, at the first use."""

    conn_ids: tuple[str, ...]

    @property
    def is_configured(self) -> bool:
        """Whether Airflow is installed, and ``airflow.cfg`` or an environment variable ``AIRFLOW__...`` exists."""
        home = Path(os.environ.get("AIRFLOW_HOME") or Path.home() / "airflow")
        configured = (home / "airflow.cfg").is_file() or any(
            name.startswith("AIRFLOW__") for name in os.environ
        )
        return configured and find_spec("airflow") is not None and find_spec("mixpanel_aep") is not None

    @property
    def lake(self) -> str | None:
        """The value of Airflow's variable ``mixpanel_aep_lake``; None if it is not set."""
        return self._output["lake"] or None

    @property
    def lake_secret(self) -> str | None:
        """The value of Airflow's variable ``mixpanel_aep_lake_secret``; None if it is not set."""
        return self._output["lake_secret"] or None

    def connection(self, conn_id: str) -> JsonMapping | None:
        """Return the fields of one of the connections ``conn_ids``, or None if Airflow does not have it."""
        return self._output["connections"][conn_id]

    @property
    def deployment(self) -> AirflowDeployment:
        """The settings of Airflow that the DAGs depend on."""
        output = self._output
        return AirflowDeployment(
            output["airflow"], tuple(output["missing_pools"]), float(output["heartbeat_seconds"])
        )

    @cached_property
    def _output(self) -> BridgeOutput:
        """The output of the process that reads Airflow; it is started once.

        Raises:
            SettingsUnavailable: Airflow could not be read. No default value is used in that case.
            ConfigError: a setting of Airflow is invalid; the process reported the error.
        """
        command = [sys.executable, "-m", "mixpanel_aep.cli_bridge", *self.conn_ids]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)  # noqa: S603 - our own module
            output = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise SettingsUnavailable(
                f"Airflow on this machine could not be read for the lake and the connections ({type(error).__name__}).",
                f"`airflow db check` shows whether it works. {_OTHERWISE}",
            ) from None
        if "error" in output:
            sentence, hint = output["error"]
            kind = ConfigError if output["terminal"] else SettingsUnavailable
            raise kind(sentence, f"{hint} {_OTHERWISE}")
        read: BridgeOutput = output
        return read
