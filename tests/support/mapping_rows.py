"""Writes mapping files."""

from __future__ import annotations

import json
from pathlib import Path


def written(folder: Path, **files: object) -> Path:
    for name, body in files.items():
        (folder / f"{name}.json").write_text(json.dumps(body))
    return folder
