"""The report and the warnings of validate: counts and reasons, and values only on request."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from include.lake.lake import Lake
from include.mixpanel.event_time import day_end, day_start
from include.quality.partition_expectations import DayEvents
from include.steps.validate import step as validate
from include.steps.validate.day_counts import every_hour
from include.steps.validate.previous_days import events_of
from tests.support.builders import (
    DAY,
    NOON,
    event,
    line,
    quarantined,
    workspace,
)  # fmt: skip
from tests.support.validated_days import (
    lenient,
    lines,
    page,
    validated,
)

pytestmark = pytest.mark.unit
SECRET = "canary-value-of-a-row"


def test_the_report_has_counts_and_reasons_and_no_row_value(lake: Lake) -> None:
    hostile = "<script>alert(1)</script>"
    bodies = [
        *lines("NOK", "NOK", name=hostile),
        *lines(SECRET, method=SECRET, distinct_id=SECRET, x=SECRET),
        b"not json " + SECRET.encode(),
    ]
    made = validated(lenient(lake), *bodies)
    html = page(lenient(lake), made).replace("<wbr>", "")
    assert SECRET not in html
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "currency must match ^[A-Z]{3}$" in html
    assert "not_json" in html
    assert "<title>07-01 12:00: 2</title>" in html
    assert html.count(":00: 0</title>") == 23, "an hour without events is shown as empty"


def test_the_hours_of_a_day_are_in_order_across_a_year_and_a_changed_clock() -> None:
    zone = ZoneInfo("America/Los_Angeles")
    day = date(2025, 12, 31)
    hours = every_hour({"01-01 07:00": 4, "12-31 08:00": 2}, day_start(day, zone), day_end(day, zone))
    assert list(hours.items())[:2] == [("12-31 08:00", 2), ("12-31 09:00", 0)]
    assert list(hours.items())[-1] == ("01-01 07:00", 4)
    for changed, expected in ((date(2026, 3, 8), 23), (date(2026, 11, 1), 25)):
        assert len(every_hour({}, day_start(changed, zone), day_end(changed, zone))) == expected


def test_an_unusual_day_is_a_warning_in_manifest_and_report(lake: Lake) -> None:
    for number in range(1, 9):
        day = DAY - timedelta(days=number)
        place = workspace(lake, day)
        usual = [
            line(event(name, time=NOON - 86400 * number, **{"$insert_id": f"{name}{n}"}))
            for name in ("View", "Purchase")
            for n in range(20)
        ]
        assert validated(place, *usual).counts["warnings"] == 0
    made = validated(lenient(lake), *lines(*["NOK"] * 40, name="View"))
    assert list(made.details["warnings"]) == [
        "event Purchase should be 13.8% to 86.2% of the day's events, as on previous days",
        "event View should be 13.8% to 86.2% of the day's events, as on previous days",
    ]  # fmt: skip
    assert "event Purchase should be" in page(lenient(lake), made)
    off = workspace(lake, quality={"history_days": 0})
    assert validated(off, *lines(*["NOK"] * 40, name="View")).counts["warnings"] == 0


def test_values_are_shown_only_if_the_pipeline_allows_it(lake: Lake) -> None:
    for show, reported in ((False, 0), (True, 1)):
        place = workspace(lake, quality={"max_quarantined": 1, "show_values": show})
        made = validated(place, *lines(SECRET))
        assert page(place, made).count(SECRET) == reported
        assert [reason.get("value") for reason in quarantined(place, made)[0]["reasons"]] == [
            SECRET if show else None
        ]


def test_a_day_of_many_event_names_is_listed_up_to_the_cap_without_warnings(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validate, "_MOST_EVENTS", 20)
    for number in range(8, -1, -1):
        place = workspace(lake, DAY - timedelta(days=number), quality={"max_quarantined": "100%"})
        # The most frequent one stays; the listed rare ones change from day to day.
        bodies = [
            line(event(name, time=NOON - 86400 * number, **{"$insert_id": f"{n}-{name}"}))
            for name in ["Top", *(f"Rare {(n * 7 + number) % 40}" for n in range(40))]
            for n in range(200 if name == "Top" else 1 + (len(name) + number) % 2)
        ]
        made = validated(place, *bodies)
    assert len(made.details["by_event"]) == 20
    assert sum(made.details["by_event"].values()) + made.details["other_events"] == made.rows
    assert made.details["warnings"] == {}


@pytest.mark.parametrize(
    ("details", "others"),
    [
        ({"by_event": {"A": 6}}, 4),
        ({"by_event": {"A": 10}}, 0),
        ({"by_event": {"A": 6}, "other_events": 3}, 3),
    ],
    ids=["an old manifest that was cut", "an old one that was not", "one that says it"],
)
def test_events_that_a_manifest_does_not_list_are_counted(
    lake: Lake, details: dict[str, Any], others: int
) -> None:
    made = validated(workspace(lake)).model_copy(update={"details": details})
    assert events_of(made, 10) == DayEvents(details["by_event"], others)
