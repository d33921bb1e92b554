"""Adobe's own XDM resources, as far as the sandbox has them: the ``global`` container.

``NOTICE.md`` has their licence.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from mixpanel_aep_sandbox.aep.registry.composition.xdm_types import with_xdm_types
from mixpanel_aep_sandbox.aep.registry.standard.notation import resource
from mixpanel_aep_sandbox.core.json_types import JsonObject


@cache
def standard_by_id() -> dict[str, JsonObject]:
    """Return resources by ``$id``, in compatibility mode, with their ``$ref`` and ``allOf``.

    Callers must not change them.
    """
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.json")):
        for given in json.loads(path.read_text("utf-8")):
            body = with_xdm_types(resource(given))
            found[body["$id"]] = body
    return found


@cache
def standard_by_alt_id() -> dict[str, JsonObject]:
    """Return the resources by ``meta:altId``."""
    return {body["meta:altId"]: body for body in standard_by_id().values()}
