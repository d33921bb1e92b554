"""The names of datasets as tables of Query Service: the tag ``adobe/pqs/table``."""

from __future__ import annotations

import re

from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.core.json_types import JsonObject

TABLE_TAG = "adobe/pqs/table"


def table_name(scope: AepSandboxScope, name: str) -> str:
    """Return a unique name for a new dataset's table: lower case, with ``_`` for all other characters.

    [I] Samples show ``luma_crm_dataset``, and a number at the end of names that would otherwise exist.
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "dataset"
    taken, candidate, number = set(tables_of(scope)), plain, 1
    while candidate in taken:
        number += 1
        candidate = f"{plain}_{number}"
    return candidate


def tables_of(scope: AepSandboxScope) -> dict[str, str]:
    """Return the datasets of an AEP sandbox: id by the name of the table."""
    found: dict[str, str] = {}
    for key, body in scope.items(DATASETS):
        if name := table_of(body):
            found.setdefault(name, key)
    return found


def table_of(dataset: JsonObject) -> str | None:
    """Return the name in a dataset's tag; None if it was removed."""
    values = dataset.get("tags", {}).get(TABLE_TAG) or [None]
    return values[0] if isinstance(values[0], str) else None
