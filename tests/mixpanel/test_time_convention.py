"""A project's events show whether its time is UTC, and a contradicting pipeline file is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.config.mixpanel_source import MixpanelSource
from include.errors import ConfigError
from include.mixpanel.time_convention import TimeEvidence, check_time_convention

pytestmark = pytest.mark.unit
LA = "America/Los_Angeles"
# Source: published rows, as `time`, `$mp_api_timestamp_ms` and the project's zone.
PUBLISHED = [
    (1652825148, 1652850348643, LA, 7.0),
    (1652423938, 1652449138115, LA, 7.0),
    (1602611311, 1602625711874, "America/New_York", 4.0),
    (1648943376, 1648964977987, "America/Mexico_City", 6.0),
    (1666026662, 1666006899493, "Asia/Kolkata", -5.5),
]


def source(time_is: str, zone: str = LA) -> MixpanelSource:
    return MixpanelSource.model_validate({"timezone": zone, "time_is": time_is})


def evidence(zone: str, *rows: tuple[int, int], times: int = 30) -> TimeEvidence:
    found = TimeEvidence(ZoneInfo(zone))
    for wall, arrival_ms in rows * times:
        found.add_event(wall * 1000, arrival_ms)
    return found


def of_libraries(zone: str, at: int = 1782907260, /, **libraries: tuple[int, float]) -> TimeEvidence:
    """Return events by library name: how many, and how many hours after their ``time`` each arrived."""
    found = TimeEvidence(ZoneInfo(zone))
    for name, (rows, hours) in libraries.items():
        for _ in range(rows):
            found.add_event(at * 1000 - int(hours * 3_600_000), at * 1000 + 2000, name)
    return found


@pytest.mark.parametrize(("wall", "arrival_ms", "zone", "hours"), PUBLISHED)
def test_published_rows_of_old_projects_are_distinguished_from_utc(
    wall: int, arrival_ms: int, zone: str, hours: float
) -> None:
    found = evidence(zone, (wall, arrival_ms))
    assert (found.verdict, found.lowest_hours) == ("project_local", hours)
    check_time_convention(found, source("project_local", zone), "shop")
    with pytest.raises(ConfigError) as refused:
        check_time_convention(found, source("utc", zone), "shop")
    apart = f"{abs(hours):g} hours {'after' if hours > 0 else 'before'} their `time`"
    assert f"30 of 30 live events reached Mixpanel {apart}" in refused.value.sentence
    assert refused.value.hint.startswith("Set time_is: project_local in the pipeline file")


def test_a_utc_project_is_distinguished_from_an_old_one() -> None:
    found = evidence(LA, (1782907260, 1782907262001))
    assert found.verdict == "utc"
    with pytest.raises(ConfigError, match="indicates utc in America/Los_Angeles"):
        check_time_convention(found, source("project_local"), "shop")


def test_late_events_change_nothing() -> None:
    late = [(1782907260 - 3600 * n, 1782907262001) for n in range(1, 6)]
    assert evidence(LA, (1782907260, 1782907262001), *late).verdict == "utc"


@pytest.mark.parametrize(
    "found",
    [
        evidence(LA),
        evidence(LA, (1782907260, 1782907262001), times=5),
        evidence(LA, (1782907260, 1782907262001), (1782907260 - 7 * 3600, 1782907262001)),
        evidence("UTC", (1782907260, 1782907262001)),
        evidence("Europe/London", (1768478400, 1768478401000)),
    ],
    ids=["nothing", "too few", "two opinions", "a zone at UTC", "a zone at UTC in winter"],
)
def test_ambiguous_events_refuse_nothing(found: TimeEvidence) -> None:
    assert found.verdict is None
    for time_is in ("utc", "project_local"):
        check_time_convention(found, source(time_is, found.zone.key), "shop")


@given(
    st.sampled_from([LA, "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Asia/Tokyo"]),
    st.booleans(),
    st.lists(
        st.tuples(st.integers(1_262_304_000, 1_798_761_600), st.integers(0, 300), st.integers(0, 5 * 86400)),
        min_size=40, max_size=60,
    ),
)  # fmt: skip
def test_a_project_is_never_classified_wrongly(
    zone: str, is_utc: bool, events: list[tuple[int, int, int]]
) -> None:
    """Half of the events are live; the others come up to five days late."""
    found = TimeEvidence(ZoneInfo(zone))
    for number, (instant, latency, late) in enumerate(events):
        offset = datetime.fromtimestamp(instant, UTC).astimezone(ZoneInfo(zone)).utcoffset()
        wall = instant if is_utc or offset is None else instant + int(offset.total_seconds())
        found.add_event(wall * 1000, (instant + (latency if number % 2 else late)) * 1000)
    assert found.verdict in (None, "utc" if is_utc else "project_local")


NEW_YORK = "America/New_York"  # Four hours behind UTC in summer.


@pytest.mark.parametrize(
    ("libraries", "verdict"),
    [
        ({"dart": (100, 4), "web": (15, 0)}, None),  # One of two apps sends its wall clock, and most events.
        ({"dart": (1000, 4), "web": (15, 0)}, None),
        ({"dart": (100, 4), "web": (1000, 0)}, "utc"),
        ({"dart": (15, 4), "web": (100, 0), "swift": (100, 0)}, "utc"),
        ({"dart": (900, 4), "unity": (900, 4), "web": (300, 0)}, None),
        ({"web": (900, 4), "swift": (900, 4), "android": (900, 4), "python": (20, 0)}, "project_local"),
        (
            {"web": (900, 4), "dart": (100, 8)},
            "project_local",
        ),  # An old project with one app that is shifted twice.
        ({"web": (900, 4), "dart": (100, 0.5)}, None),  # Nothing can arrive before Mixpanel shifts it.
        ({"web": (19, 0)}, None),
        ({"web": (19, 4)}, None),
        ({"web": (20, 4)}, "project_local"),
        ({"web": (20, 0)}, "utc"),
    ],
    ids=str,
)
def test_a_few_unusual_libraries_neither_block_nor_decide(
    libraries: dict[str, tuple[int, float]], verdict: str | None
) -> None:
    found = of_libraries(NEW_YORK, **libraries)
    assert found.verdict == verdict
    for time_is in ("utc", "project_local"):
        if verdict in (None, time_is):
            check_time_convention(found, source(time_is, NEW_YORK), "shop")
        else:
            with pytest.raises(ConfigError, match=f"Set time_is: {verdict}") as refused:
                check_time_convention(found, source(time_is, NEW_YORK), "shop")
            assert "Mixpanel 0 hours" not in refused.value.sentence


@pytest.mark.parametrize("zone", [NEW_YORK, "Asia/Kolkata"])
def test_nothing_is_refused_if_every_event_is_late(zone: str) -> None:
    """Three to five hours late, an app that sends only while it charges resembles an old project in New York."""
    found = TimeEvidence(ZoneInfo(zone))
    for number in range(400):
        found.add_event((1782907260 - 3 * 3600 - number * 18) * 1000, 1782907260_000, "swift")
    assert found.verdict is None


@pytest.mark.parametrize(
    ("zone", "at"),
    [
        ("Europe/London", 1768478400),  # At UTC in winter.
        ("UTC", 1782907260),
        ("Atlantic/Reykjavik", 1782907260),
    ],
)
def test_a_zone_at_utc_needs_no_decision(zone: str, at: int) -> None:
    assert of_libraries(zone, at, web=(500, 0)).verdict is None


def test_an_old_project_is_recognised_on_a_day_with_two_offsets() -> None:
    """8 March 2026 in New York: five hours before the change, four after it."""
    found = TimeEvidence(ZoneInfo(NEW_YORK))
    for number in range(300):
        instant = 1772949600 + number * 240  # From one hour before the change.
        offset = 5 if instant < 1772953200 else 4
        found.add_event((instant - offset * 3600) * 1000, instant * 1000 + 900, "web")
    assert found.verdict == "project_local"


def test_a_thousand_library_names_use_no_memory() -> None:
    found = of_libraries(NEW_YORK, **{f"library-{n}": (1, 0) for n in range(1000)})
    assert len(found.libraries) <= 101
    assert found.verdict == "utc"


@given(st.integers(), st.integers(), st.text(max_size=3))
def test_any_time_property_is_evidence_or_ignored(wall_ms: int, arrival_ms: int, library: str) -> None:
    found = TimeEvidence(ZoneInfo(NEW_YORK))
    for arrival in (arrival_ms, arrival_ms * 10**6, -arrival_ms, 1782907260_000):
        for wall in (wall_ms, wall_ms * 10**6, 253402300799000):
            found.add_event(wall, arrival, library)
    assert found.rows <= 12
