"""Writes tests/field_groups/adobe-xdm.json.xz: Adobe's published field groups for events, and all that they reference.

usage: python scripts/adobe_field_groups.py CHECKOUT, a clone of https://github.com/adobe/xdm (bare or not). It keeps what
decides whether a row fits: types, constraints, references, and the titles of resources; no descriptions or examples.
"""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]  # a JSON Schema; this script runs without the package include
OUT = Path(__file__).parents[1] / "tests" / "field_groups" / "adobe-xdm.json.xz"
EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
_KEPT = frozenset({
    "$id", "$ref", "type", "properties", "definitions", "allOf", "anyOf", "oneOf", "not", "items",
    "additionalProperties", "required", "enum", "const", "pattern", "format", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "multipleOf",
    "meta:intendedToExtend", "meta:status", "meta:xdmType",
})  # fmt: skip


def main(checkout: str) -> None:
    """Write the file of field groups from a clone of Adobe's repository."""
    named = [(name, document) for name, document in _documents(checkout) if "$id" in document]
    documents = {document["$id"]: document for _, document in named}
    groups = [document["$id"] for name, document in named if _is_for_events(name, document)]
    needed: dict[str, Json] = {}
    waiting = list(groups)
    while waiting:
        key = waiting.pop()
        if key in needed or key not in documents:
            continue
        needed[key] = {**_stripped_members(documents[key]), "title": documents[key]["title"]}
        waiting += [ref.partition("#")[0] for ref in _references(needed[key])]
    body = json.dumps([needed[key] for key in sorted(needed)], separators=(",", ":"), ensure_ascii=False)
    OUT.write_bytes(lzma.compress(body.encode(), preset=9 | lzma.PRESET_EXTREME))


def _is_for_events(name: str, document: Json) -> bool:
    is_deprecated = "deprecated/" in name or document.get("meta:status") == "deprecated"
    return EVENT in (document.get("meta:intendedToExtend") or []) and not is_deprecated


def _documents(checkout: str) -> Iterator[tuple[str, Json]]:
    git = ["git", "-C", checkout]
    listed = subprocess.run(
        [*git, "ls-tree", "-r", "--name-only", "HEAD"], capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if name.endswith(".schema.json") and not name.startswith(("docs/", "archived/")):
            shown = subprocess.run([*git, "show", f"HEAD:{name}"], capture_output=True, check=True)
            yield name, json.loads(shown.stdout)


def _stripped(node: object, *, names: bool = False) -> object:
    """Return the part of a schema to keep. ``names``: the keys are names of fields or definitions."""
    if isinstance(node, list):
        return [_stripped(each) for each in node]
    return _stripped_members(node, names=names) if isinstance(node, dict) else node


def _stripped_members(node: Json, *, names: bool = False) -> Json:
    return {
        key: _stripped(value, names=key in ("properties", "definitions") and not names)
        for key, value in node.items()
        if names or key in _KEPT
    }


def _references(node: object) -> Iterator[str]:
    """Yield every ``$ref`` of a schema."""
    if isinstance(node, list):
        for each in node:
            yield from _references(each)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from _references(each)


if __name__ == "__main__":
    main(sys.argv[1])
