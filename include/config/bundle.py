"""Check that Airflow reads the pipeline files that are next to the DAG files."""

from __future__ import annotations

import os
from pathlib import Path

from include.config.loader import pipelines_folder
from include.errors import ConfigError


def require_bundled_pipelines(dag_file: str) -> None:
    """Refuse DAG files whose sibling folder ``include/pipelines`` differs from the folder that is read.

    A Git bundle delivers new DAG files and pipeline files, while ``include`` is imported from the image: a new or
    changed pipeline file would have no effect, and no error would occur. Where ``MIXPANEL_AEP_PIPELINES`` names the
    folder, or the bundle has no pipeline files, there is nothing to compare.

    Raises:
        ConfigError: naming the files that are not read, and the folder that is read.
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
    return not other.is_file() or one.read_bytes() != other.read_bytes()
