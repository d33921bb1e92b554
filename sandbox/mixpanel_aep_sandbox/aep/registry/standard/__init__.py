"""Adobe's XDM resources that the sandbox includes, which are in the ``global`` container.

``NOTICE.md`` contains their licence.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from mixpanel_aep_sandbox.aep.registry.composition.xdm_types import with_xdm_types
from mixpanel_aep_sandbox.aep.registry.standard.notation import expand_resource
from mixpanel_aep_sandbox.core.json_types import JsonObject


@cache
def standard_by_id() -> dict[str, JsonObject]:
    """Return Adobe's resources by ``$id``, in compatibility mode, with unresolved ``$ref`` and ``allOf``.

    The result is cached: callers must not change it.
    """
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.json")):
        for given in json.loads(path.read_text("utf-8")):
            body = with_xdm_types(expand_resource(given))
            found[body["$id"]] = body
    return found


@cache
def standard_by_alt_id() -> dict[str, JsonObject]:
    """Return Adobe's resources by ``meta:altId``; the resources are those of ``standard_by_id``."""
    return {body["meta:altId"]: body for body in standard_by_id().values()}
