"""The schema that a mapping set maps to."""

from __future__ import annotations

from typing import Any

from include.sandbox.aep.place import RESOURCES, Place
from include.sandbox.aep.problems import problem
from include.sandbox.aep.registry_resolve import find, resolve
from include.sandbox.aep.registry_unions import unions


def output_schema(place: Place, key: str) -> dict[str, Any]:
    """A resolved schema, or union, by ``$id`` or ``meta:altId``. Raises Problem 400 [I] when there is none."""
    found = find(place, key)
    if found is None:
        held = [body for _, body in place.items(RESOURCES)] + unions(place)
        found = next((body for body in held if key in (body["$id"], body["meta:altId"])), None)
    if found is None:
        raise problem(400, f"Schema {key} does not exist.")
    return resolve(place, found)
