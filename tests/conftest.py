"""What every test of this project can rely on."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# A store that stays away is waited for as short as it can be; also by the processes that tests start.
os.environ.setdefault("MIXPANEL_AEP_LAKE_PATIENCE_SECONDS", "3")
KINDS = {"unit", "sandbox", "airflow"}

# Machines that run tests are busy: a slow example is not an error. In CI the same examples every time.
settings.register_profile(
    "here",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Collection fails when a test does not say what kind it is."""
    unmarked = [item.nodeid for item in items if not KINDS & {mark.name for mark in item.iter_markers()}]
    if unmarked:
        raise pytest.UsageError(f"tests without one of the markers {sorted(KINDS)}: {', '.join(unmarked)}")
