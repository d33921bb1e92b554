"""The version of this package, and the check that the DAG files are not newer."""

from __future__ import annotations

from include.errors import ConfigError

VERSION = "0.1.0"
"""The version of the imported code. ``importlib.metadata`` has the installed version, which is stale in editable installs."""


def require_package(*, dags: str) -> None:
    """Refuse DAG files that are newer than this package, because they may use functions that it does not have.

    DAG files and package can come from two places, such as a Git bundle and an image. ``dags``: the version of the
    DAG files. Older DAG files are accepted.

    Raises:
        ConfigError: naming both versions.
    """
    if _numbers(dags) > _numbers(VERSION):
        raise ConfigError(
            f"These DAG files have version {dags}, but the installed package mixpanel-aep has the older version "
            f"{VERSION}.",
            f"Install mixpanel-aep {dags} where Airflow runs (or rebuild its image), or use the DAG files of "
            f"version {VERSION}.",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
