"""Preparations on the Adobe side: datasets, batches and files, created by the documented calls."""

from __future__ import annotations

import json
from typing import Any

from tests.contract.documented_client import DocumentedClient
from tests.contract.example import Call, Preparation

IMPORT = "/data/foundation/import"
CATALOG = "/data/foundation/catalog"
ACCESS = "/data/foundation/export"
FILES = f"{IMPORT}/batches/<batch>/datasets/<dataset>/files"
BYTES = {"Content-Type": "application/octet-stream"}
NEW_BATCH = {"datasetId": "<dataset>", "inputFormat": {"format": "json"}}
FIELDS: dict[str, Any] = {
    "plan": {"type": "string", "enum": ["free", "paid"]},
    "code": {"type": "string", "pattern": "^[A-Z]+$", "maxLength": 3},
    "count": {"type": "integer"},
    "long": {"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740992},
    "price": {"type": "number"},
    "flag": {"type": "boolean"},
    "day": {"type": "string", "format": "date"},
    "moment": {"type": "string", "format": "date-time"},
    "text": {"type": "string"},
    "list": {"type": "array", "items": {"type": "string"}},
    "inner": {"type": "object", "properties": {"a": {"type": "string"}}},
    "map": {"type": "object", "meta:xdmType": "map", "additionalProperties": {"type": "string"}},
}


def row(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return an ExperienceEvent; a field that is ``...`` is omitted, one of FIELDS is put under the tenant."""
    made = {"_id": str(number), "timestamp": "2026-07-01T12:00:00Z"}
    made |= {name: value for name, value in fields.items() if name not in FIELDS}
    tenant = {name: value for name, value in fields.items() if name in FIELDS}
    made |= {"_acmesandbox": tenant} if tenant else {}
    return {name: value for name, value in made.items() if value is not ...}


def ndjson(*rows: dict[str, Any] | str) -> bytes:
    """Return JSON Lines; a text is a line as it is."""
    return b"".join((each if isinstance(each, str) else json.dumps(each)).encode() + b"\n" for each in rows)


def dataset(client: DocumentedClient) -> None:
    sandbox: Any = client.sandbox
    client.names["schema"] = sandbox.add_schema(FIELDS)
    client.names["dataset"] = sandbox.add_dataset(schema=client.names["schema"])


def batch(**more: Any) -> Preparation:
    """Create a dataset, unless there is one, and an open batch for it."""

    def prepare(client: DocumentedClient) -> None:
        if "dataset" not in client.names:
            dataset(client)
        if "batch" in client.names:
            client.names["old"] = client.names["batch"]
        client.names["batch"] = client.fine(Call("POST", f"{IMPORT}/batches", json=NEW_BATCH | more))["id"]

    return prepare


def put(content: bytes, name: str = "rows.json") -> Call:
    return Call("PUT", f"{FILES}/{name}", data=content, headers=BYTES)


def act(action: str, batch_id: str = "<batch>") -> Call:
    return Call("POST", f"{IMPORT}/batches/{batch_id}", {"action": action})


def loaded(*rows: dict[str, Any] | str, **more: Any) -> Preparation:
    """Complete a batch of JSON Lines, and wait for it unless the clock has to advance for that."""

    def prepare(client: DocumentedClient) -> None:
        sandbox: Any = client.sandbox
        batch(**more)(client)
        client.fine(put(ndjson(*rows)))
        client.fine(act("COMPLETE"))
        if not sandbox.settings()["batch_seconds"]:
            sandbox.ended(client.names["batch"])

    return prepare


def sent(*calls: Call) -> Preparation:
    """Send preparatory calls, each of which must succeed."""

    def prepare(client: DocumentedClient) -> None:
        for call in calls:
            client.fine(call)

    return prepare


def later(seconds: float) -> Preparation:
    """Advance the clock, and get a new token because a token expires after a day."""

    def prepare(client: DocumentedClient) -> None:
        client.sandbox.clock.advance(seconds)
        client.renew()

    return prepare
