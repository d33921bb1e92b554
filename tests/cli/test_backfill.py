"""A backfill on the command line: its plan beforehand, and one export request for several days."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.command_line import Cli, Printing, change

pytestmark = pytest.mark.sandbox


def exports(port: int) -> list[str]:
    """The days of every export that Mixpanel's stand-in was asked for."""
    found = requests.get(
        f"http://127.0.0.1:{port}/_sandbox/transcript", params={"path": "/api/2.0/export"}, timeout=20
    ).json()["entries"]
    queries = [dict(part.split("=") for part in entry["query"].split("&")) for entry in found]
    return [f"{query['from_date']}..{query['to_date']}" for query in queries]


def test_several_days_are_one_request_and_the_plan_says_so(cli: Cli, printed: Printing, port: int) -> None:
    assert cli("apply", "hostile")[0] == 0
    code, text = cli("plan", "hostile", "--backfill", "2026-06-28..2026-07-02")
    assert code == 0, text
    assert text.splitlines() == [
        "+  export    2026-06-28..2026-07-02: 5 days, volume not known yet",
        "   mixpanel  1 request for 5 days; Mixpanel allows 60 an hour, so the limit adds 0 hours",
        "!  mixpanel  the volume is not known yet, so the requests are an estimate: the first one measures the volume, "
        "and the later ones fetch fewer days if the days are large",
        "   aep       AEP ingests 20 GB an hour for all batches of an AEP sandbox; a backfill's batch waits while those of "
        "the hour have more than 16 GB",
    ]
    code, text = cli("run", "hostile", "2026-06-28", "2026-07-02")
    assert code == 0, text
    assert exports(port) == ["2026-06-28..2026-07-02"]
    found: Any = printed("plan", "hostile", "--backfill", "2026-06-25..2026-07-02", "--json").json
    assert [found[name] for name in ("requests", "days", "exported", "before_start")] == [1, 3, 5, 0]
    assert found["estimate"] is False
    assert found["windows"] == [{"first": "2026-06-25", "last": "2026-06-27", "days": 3}]


def test_days_that_are_not_loadable_are_counted_by_cause(
    cli: Cli, printed: Printing, pipelines: Path
) -> None:
    change(
        pipelines / "hostile.yaml",
        ("start_date: 2025-05-01\n", "start_date: 2026-06-30\n"),
        ("end_date: 2026-07-31", "end_date: 2099-12-31"),
    )
    code, text = cli("plan", "hostile", "--backfill", "2025-07-01..2026-06-30")
    assert code == 0, text
    assert "364 days before start_date 2026-06-30\n" in text
    assert "after end_date" not in text
    assert "not settled" not in text
    code, text = cli("plan", "hostile", "--backfill", "2099-12-30..2100-01-03")
    assert code == 0, text
    assert "3 days after end_date 2099-12-31\n" in text
    assert "2 days not settled yet\n" in text
    found: Any = printed("plan", "hostile", "--backfill", "2099-12-30..2100-01-03", "--json").json
    assert [found[name] for name in ("before_start", "after_end", "not_settled")] == [0, 3, 2]


def test_a_single_day_is_requested_alone(cli: Cli, port: int) -> None:
    assert cli("apply", "hostile")[0] == 0
    assert cli("run", "hostile", "2026-07-01")[0] == 0
    assert exports(port) == ["2026-07-01..2026-07-01"]


def test_a_range_that_is_not_one_is_refused(cli: Cli) -> None:
    code, text = cli("plan", "hostile", "--backfill", "2026-07-02..2026-07-01")
    assert code == 2
    assert "Give the earlier day first" in text


def test_a_dataset_for_profile_shows_what_the_guardrail_means(cli: Cli, pipelines: Path) -> None:
    change(pipelines / "hostile.yaml", ("  field_group:", "  profile: true\n  field_group:"))
    code, text = cli("plan", "hostile", "--backfill", "2026-01-01..2026-06-30")
    assert code == 0, text
    assert "181 batches take 3 days at 83 a day" in text
