"""Check that the Airflow installation on this machine can run the DAGs, for the command ``check``."""

from __future__ import annotations

from dataclasses import dataclass

from include.errors import ConfigError
from include.version import VERSION

SUPPORTED_AIRFLOW = (3, 3)
_MAX_HEARTBEAT_SECONDS = 1.0


@dataclass(frozen=True)
class AirflowDeployment:
    """The settings of an Airflow installation that the DAGs depend on.

    ``missing_pools``: the pools that the DAGs need and Airflow does not have. ``heartbeat_seconds``: Airflow's setting
    ``[workers] min_heartbeat_interval``.
    """

    version: str
    missing_pools: tuple[str, ...]
    heartbeat_seconds: float

    def require_usable(self) -> str:
        """Check that tasks of the DAGs can run in this Airflow, and return a sentence about its version and pools.

        Raises:
            ConfigError: the version of Airflow is not supported, or a pool is missing.
        """
        if tuple(map(int, self.version.split(".")[:2])) != SUPPORTED_AIRFLOW:
            supported = ".".join(map(str, SUPPORTED_AIRFLOW))
            raise ConfigError(
                f"Airflow {self.version} is not supported by mixpanel-aep {VERSION}.",
                f"Use Airflow {supported}, or a version of mixpanel-aep that supports yours.",
            )
        if self.missing_pools:
            raise ConfigError(
                f"Airflow has no pool {', '.join(self.missing_pools)}: tasks that use the pool are never scheduled.",
                "Restart the scheduler, which adds the missing pool, or run `python -m mixpanel_aep.settings airflow_pools.yaml`. Create a "
                "pool that only a pipeline file names under Admin > Pools.",
            )
        sentence = f"version {self.version}, with every pool; mixpanel-aep {VERSION}"
        if self.heartbeat_seconds > _MAX_HEARTBEAT_SECONDS:
            sentence += (
                f". AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL is {self.heartbeat_seconds:g}: set it to 1 where tasks run, or "
                "a task that is deferred can use up a retry"
            )
        return sentence
