"""docs/tutorial.md describes what the command line shows of the demo's days."""

from __future__ import annotations

import pytest

from include.config.loader import load_pipeline
from scripts.demo.late_events import DAY, EVENTS, add_late_events
from scripts.demo.settings import PARTITIONS
from tests.support.command_line import Cli
from tests.support.documentation import ROOT

PAGE = " ".join((ROOT / "docs/tutorial.md").read_text(encoding="utf-8").split())


@pytest.mark.sandbox
def test_a_day_with_the_demos_late_events_that_is_run_again_shows_what_the_page_explains(
    cli: Cli, port: int
) -> None:
    assert cli("apply", "shop")[0] == 0
    assert cli("run", "shop", str(DAY))[0] == 0
    assert add_late_events(f"http://127.0.0.1:{port}", 3000002) == EVENTS
    code, text = cli("run", "shop", str(DAY), "--again")
    assert code == 0, text
    assert text.rstrip().endswith(f"; this run added {EVENTS}")
    code, text = cli("run", "shop", str(DAY), "--again")
    assert code == 0, text
    for shown in (f"{EVENTS} staged", "this run added 0"):
        assert shown in text
        assert f"`{shown}`" in PAGE


@pytest.mark.unit
def test_the_page_says_which_days_of_pipeline_hostile_were_never_run() -> None:
    first, last = PARTITIONS["hostile"]
    pipeline = load_pipeline(ROOT / "include/pipelines/hostile.yaml")
    days = [f"{day.day} {day:%B}" for day in (first, last)]
    assert pipeline.end_date is not None
    bounds = [f"{day.day} {day:%B %Y}" for day in (pipeline.start_date, pipeline.end_date)]
    assert f"from {bounds[0]} to {bounds[1]}, and the demo loads only {days[0]} and {days[1]}" in PAGE
