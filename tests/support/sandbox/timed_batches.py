"""Batches in a sandbox whose clock only tests advance."""

from __future__ import annotations

import threading
from typing import Any

from tests.support.sandbox.aep_app import AepApp, lines, row
from tests.support.sandbox.json_types import JsonObject

NOON = 1_750_000_000.0


def stop(aep: AepApp, at: float = NOON) -> None:
    aep.state.clock.set(at, frozen=True)
    aep.headers["Authorization"] = f"Bearer {aep.token()}"


def settings(aep: AepApp, **body: object) -> JsonObject:
    response = aep.http.post("/_sandbox/aep/settings", json=body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def sent(aep: AepApp, dataset: str, *keys: str, **more: Any) -> str:
    """Complete a batch with these rows, and wait until the rows were checked."""
    batch = aep.create(dataset, **more)
    assert aep.put(batch, dataset, lines(*(row(key) for key in keys))).status_code == 201
    assert aep.act(batch, "COMPLETE").status_code == 200
    for thread in threading.enumerate():
        if thread.name == f"batch-{batch}":
            thread.join(10)
    return batch


def status(aep: AepApp, batch: str) -> str:
    return str(aep.batch(batch)["status"])
