"""Batches that a service of AEP creates itself: of one file, complete, and visible in Catalog."""

from __future__ import annotations

from pathlib import Path

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope, files_kind
from mixpanel_aep_sandbox.aep.ingestion.routes.batches import complete_batch, create_batch, find_batch
from mixpanel_aep_sandbox.aep.ingestion.uploaded_files import disk_path
from mixpanel_aep_sandbox.core.json_types import JsonObject

_FILE = "part-00000.json"


def make_batch(scope: AepSandboxScope, given: JsonObject, client: str, lines: Path) -> str:
    """Create a batch of a JSON Lines file on behalf of a service, and return its id. The file is moved.

    The caller holds a transaction. ``given``: the body of ``POST /batches``. Raises Problem.
    """
    batch = create_batch(scope, given, client)
    size = lines.stat().st_size
    lines.replace(disk_path(scope, batch["id"], lines.name))
    body = {
        "batch": batch["id"],
        "path": _FILE,
        "name": lines.name,
        "size": size,
        "open": False,
        "chunks": [],
        "at": scope.now,
    }
    scope.put(files_kind(batch["id"]), _FILE, body)
    complete_batch(scope, find_batch(scope, batch["id"]))
    return str(batch["id"])
