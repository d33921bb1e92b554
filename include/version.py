"""The version of this package, and the check that the DAG files are not newer."""

from __future__ import annotations

from include.errors import ConfigError

VERSION = "0.1.0"
"""Of what is imported. ``importlib.metadata`` would say what was installed once, which an editable install outgrows."""


def require_package(*, dags: str) -> None:
    """Refuse DAG files that are newer than this package: they may use what it does not have yet.

    DAG files and package can come from two places, such as a Git bundle and an image. ``dags``: the version of the
    DAG files. Older DAG files are accepted.

    Raises:
        ConfigError: naming both versions.
    """
    if _numbers(dags) > _numbers(VERSION):
        raise ConfigError(
            f"These DAG files are of version {dags}, but the package mixpanel-aep that they import is of the older "
            f"version {VERSION}.",
            f"Install mixpanel-aep {dags} where Airflow runs (or build its image again), or use the DAG files of "
            f"version {VERSION}.",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
