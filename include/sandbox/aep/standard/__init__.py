"""Adobe's own XDM resources, as far as the sandbox has them: the ``global`` container.

Names, types and constraints are those of github.com/adobe/xdm (CC BY 4.0), in compatibility mode.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def standard_by_id() -> dict[str, dict[str, Any]]:
    """Resources by ``$id``. Not to be changed by callers."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.json")):
        body = json.loads(path.read_text("utf-8"))
        found[body["$id"]] = body
    return found
