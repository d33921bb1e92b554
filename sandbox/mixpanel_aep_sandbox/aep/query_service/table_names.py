"""Names of the SQL tables of datasets, which are in the dataset's tag ``adobe/pqs/table``."""

from __future__ import annotations

import re

from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.core.json_types import JsonObject

TABLE_TAG = "adobe/pqs/table"


def table_name(scope: AepSandboxScope, name: str) -> str:
    """Return a unique table name for a new dataset with this name.

    The name is in lower case, and ``_`` replaces all characters that are not letters or digits; a number at the end
    makes the name unique (assumed [I]). Adobe's samples show, for example, ``luma_crm_dataset``.
    """
    base = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "dataset"
    used, candidate, number = set(tables_of(scope)), base, 1
    while candidate in used:
        number += 1
        candidate = f"{base}_{number}"
    return candidate


def tables_of(scope: AepSandboxScope) -> dict[str, str]:
    """Return the ids of all datasets of an AEP sandbox that have a table, by table name."""
    found: dict[str, str] = {}
    for key, body in scope.items(DATASETS):
        if name := table_of(body):
            found.setdefault(name, key)
    return found


def table_of(dataset: JsonObject) -> str | None:
    """Return the table name of a dataset, or None if the dataset has no such tag."""
    values = dataset.get("tags", {}).get(TABLE_TAG) or [None]
    return values[0] if isinstance(values[0], str) else None
