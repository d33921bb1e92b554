"""What the tests of the steps share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def nobody_waits_for_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that waits for another one's claim would wait in real time here, and find what it finds without waiting."""
    monkeypatch.setattr("include.steps.ingest.claim._PATIENCE_SECONDS", 0.0)
