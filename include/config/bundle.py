"""Checks that Airflow reads the pipeline files that were delivered together with the DAG files."""

from __future__ import annotations

import os
from pathlib import Path

from include.config.loader import pipelines_folder
from include.errors import ConfigError


def require_bundled_pipelines(dag_file: str) -> None:
    """Check that each pipeline file that was delivered with the DAG files equals the one that Airflow reads.

    Airflow can get DAG files and pipeline files from a Git bundle, but import ``include``, and so its folder of
    pipeline files, from the image. A pipeline file that is new or changed in the bundle would then have no effect.
    Nothing is compared if ``MIXPANEL_AEP_PIPELINES`` names the folder, or if no pipeline files were delivered with the
    DAG files.

    Args:
        dag_file: the path of a DAG file; the pipeline files delivered with it are in ``../include/pipelines``.

    Raises:
        ConfigError: a file differs or is missing; the message names the files and the folder that Airflow reads.
    """
    neighbour = Path(dag_file).resolve().parents[1] / "include" / "pipelines"
    read = pipelines_folder().resolve()
    if "MIXPANEL_AEP_PIPELINES" in os.environ or neighbour == read:
        return
    ignored = [path.name for path in sorted(neighbour.glob("*.yaml")) if _differs(path, read / path.name)]
    if ignored:
        raise ConfigError(
            f"Pipeline files next to the DAG files are not read: {', '.join(ignored)} in {neighbour}. This Airflow "
            f"reads {read}, where they are missing or different.",
            "Rebuild the image with the same pipeline files, or set MIXPANEL_AEP_PIPELINES.",
        )


def _differs(one: Path, other: Path) -> bool:
    """Return whether ``other`` is missing or has another content than ``one``."""
    return not other.is_file() or one.read_bytes() != other.read_bytes()
