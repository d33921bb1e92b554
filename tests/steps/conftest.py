"""Fixtures for the tests of the steps."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def nobody_waits_for_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip waiting for another run's claim, which would take real time here."""
    monkeypatch.setattr("include.steps.ingest.claim._WAIT_SECONDS", 0.0)
