"""Writes mapping files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def written(folder: Path, **files: Any) -> Path:
    for name, body in files.items():
        (folder / f"{name}.json").write_text(json.dumps(body))
    return folder
