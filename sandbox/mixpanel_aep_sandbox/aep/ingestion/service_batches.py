"""Batches that a service of AEP creates itself, such as a dataflow; each has one file and is completed at once."""

from __future__ import annotations

from pathlib import Path

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope, files_kind
from mixpanel_aep_sandbox.aep.ingestion.routes.batches import complete_batch, create_batch, find_batch
from mixpanel_aep_sandbox.aep.ingestion.uploaded_files import disk_path
from mixpanel_aep_sandbox.core.json_types import JsonObject

_FILE = "part-00000.json"


def make_batch(scope: AepSandboxScope, given: JsonObject, client: str, lines: Path) -> str:
    """Create and complete a batch whose only file is a JSON Lines file, and return the batch's id.

    Call this in a transaction.

    Args:
        scope: The AEP sandbox.
        given: The batch's properties, as in the body of ``POST /batches``.
        client: The client id on whose behalf the service creates the batch.
        lines: The file, which is moved into the batch.

    Raises:
        Problem: As for ``POST /batches``.
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
