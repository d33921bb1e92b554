"""The version of this package, and a check that the DAG files are not newer than the package."""

from __future__ import annotations

from include.errors import ConfigError

VERSION = "0.1.0"
"""The version of the imported code. In an editable install, the version in ``importlib.metadata`` can be outdated."""


def require_package_version(*, dags: str) -> None:
    """Check that the DAG files are not newer than this package.

    They can come from different places, such as a Git bundle and an image. Older DAG files are accepted.

    Args:
        dags: the version of the DAG files, such as ``0.1.0``.

    Raises:
        ConfigError: the DAG files are newer than the package; they may call functions that the package does not have.
    """
    if _version_numbers(dags) > _version_numbers(VERSION):
        raise ConfigError(
            f"These DAG files have version {dags}, but the installed package mixpanel-aep has the older version "
            f"{VERSION}.",
            f"Install mixpanel-aep {dags} where Airflow runs (or rebuild its image), or use the DAG files of "
            f"version {VERSION}.",
        )


def _version_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
