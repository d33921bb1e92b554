"""Promise 6, bounded: the size of a loaded day's lake, as a multiple of what Mixpanel sent."""

from __future__ import annotations

import pytest

from benchmarks.growth import lake_growth, ratios

pytestmark = pytest.mark.sandbox
LOADED, REPLACED, CLEANED = 4.5, 11.0, 2.6
"""Most bytes of the lake for each byte of the export: after the load; after a refresh and a replacement; cleaned."""
IDS_OF_A_LOAD = 0.8
REFRESHED = 0.01
"""How much of a day's bytes a refresh that finds three late events adds."""
SMALL = 0.1
"""Manifests, ledgers, schemas and reports of a day of a few megabytes."""


def test_the_lake_of_a_day_is_bounded_and_has_export_and_ids_after_cleaning() -> None:
    loaded, refreshed, replaced, cleaned = map(ratios, lake_growth(20_000).values())
    assert loaded["all"] < LOADED
    assert refreshed["all"] < loaded["all"] * (1 + REFRESHED)
    assert replaced["all"] < REPLACED
    assert cleaned["all"] < CLEANED
    assert cleaned.keys() == {"raw", "ids", "records", "report", "all"}
    assert cleaned["raw"] == pytest.approx(1, abs=0.01), "the newest export alone"
    assert cleaned["ids"] / 2 < IDS_OF_A_LOAD
    assert cleaned["records"] + cleaned["report"] < SMALL
