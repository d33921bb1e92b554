"""A backfill on the command line: its plan beforehand, and one export request for several days."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from include.steps.validate import shard_estimate
from tests.support.command_line import Cli, Printing, change, post

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


def test_a_plan_shows_the_shards_of_days_as_large_as_the_known_ones(
    cli: Cli, printed: Printing, pipelines: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = int(datetime(2026, 7, 2, 12, tzinfo=UTC).timestamp())
    events = [
        {"event": "Seen", "properties": {"time": noon + n, "$insert_id": f"i-{n}"}} for n in range(1_500)
    ]
    post(port, "mixpanel/projects/3000001/events", {"events": events})
    assert cli("apply", "hostile")[0] == 0
    plan = ("plan", "hostile", "--backfill", "2026-06-20..2026-06-24")
    assert "shard" not in cli(*plan)[1]
    change(pipelines / "hostile.yaml", ("\nend_date:", "\nshard_events: 1000\nend_date:"))
    assert "the number of shards is not known yet" in cli(*plan)[1]
    assert cli("run", "hostile", "2026-07-01", "2026-07-02")[0] == 0
    days = "the median of 2 known days has 754 events, the largest 1,500; shard_events is 1,000"
    assert f"\n   shards    up to 2 shards a day: {days}\n" in cli(*plan)[1], "as the lake's newest days"
    one = cli("plan", "hostile", "--backfill", "2026-06-30..2026-07-01")[1]
    assert "days are validated as a whole: the one known day has 9 events" in one, "as the days of the range"
    found = printed(*plan, "--json").json["shards"]
    assert (found["known_days"], found["usual_shards"], found["most_shards"]) == (2, 1, 2)
    change(pipelines / "hostile.yaml", ("\nshard_events: 1000", ""))
    monkeypatch.setattr(shard_estimate, "RECOMMENDED_EVENTS", 1_000)
    assert "\n!  shards    the largest of 2 known days has 1,500 events; set shard_events" in cli(*plan)[1]
    assert printed(*plan, "--json").json["shards"]["recommended"] is True
