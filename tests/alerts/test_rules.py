"""Which conditions raise an alert, with which limits; and that an alert's text can do no harm where it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.alerts.alert import Alert, name_list
from include.alerts.pipeline_rules import RefreshedDay, credential_alerts, missing_days_alerts, refresh_alerts
from include.alerts.rules import Failure, failed_task_alert, is_loaded, late_day_alert, loaded_day_alerts
from include.alerts.sent import record_sent, was_sent
from include.board.facts import BatchFacts, Counts, DayFacts
from include.board.index import MOST_PROPERTIES, BoardIndex, Verdict
from include.config.alerts import Alerts
from include.config.model import Pipeline
from include.lake.lake import Lake
from tests.support.builders import pipeline

pytestmark = pytest.mark.unit
DAY = date(2026, 7, 1)
NOW = datetime(2026, 7, 20, tzinfo=UTC)


def with_alerts(**changes: Any) -> Pipeline:
    return pipeline(alerts=Alerts.model_validate({"notifiers": [{"class": "a.B"}], **changes}))


def loaded(exported: int = 1000, quarantined: int = 0, **fields: Any) -> DayFacts:
    batches = (BatchFacts("b", exported - quarantined, "", ""),)
    return DayFacts(
        1, "", progress="none", counts=Counts(exported, 0, quarantined), batches=batches, **fields
    )


def weeks(*volumes: int) -> BoardIndex:
    """The same weekday in the weeks before, the newest first."""
    return BoardIndex(
        days={
            str(DAY - timedelta(weeks=number)): loaded(volume)
            for number, volume in enumerate(volumes, start=1)
        }
    )


def kinds(alerts: Iterable[Alert]) -> list[str]:
    return [alert.kind for alert in alerts]


@pytest.mark.parametrize(
    ("quarantined", "limit", "found"),
    [(1, "0.1%", []), (2, "0.1%", ["quarantine"]), (1, 0, ["quarantine"]), (0, 0, []), (900, None, [])],
)
def test_quarantine_is_an_alert_above_its_limit(quarantined: int, limit: Any, found: list[str]) -> None:
    alerts = loaded_day_alerts(
        with_alerts(max_quarantined=limit), DAY, loaded(quarantined=quarantined), BoardIndex()
    )
    assert kinds(alerts) == found


def test_a_day_of_nothing_but_quarantine_and_one_without_events_are_judged() -> None:
    empty = DayFacts(1, "", progress="empty")
    assert kinds(loaded_day_alerts(with_alerts(), DAY, empty, weeks(900, 1000, 1100))) == ["volume"]
    assert kinds(loaded_day_alerts(with_alerts(), DAY, empty, BoardIndex())) == []


def test_a_day_whose_records_cannot_be_read_has_no_unusual_volume() -> None:
    unknown = DayFacts(0, "", trouble="The ledger cannot be read.")
    assert kinds(loaded_day_alerts(with_alerts(), DAY, unknown, weeks(900, 1000, 1100))) == []


@pytest.mark.parametrize(
    ("exported", "found"), [(500, []), (499, ["volume"]), (2000, []), (2001, ["volume"]), (0, ["volume"])]
)
def test_the_volume_is_compared_with_the_same_weekday_of_four_weeks(exported: int, found: list[str]) -> None:
    facts = loaded(exported)
    assert kinds(loaded_day_alerts(with_alerts(), DAY, facts, weeks(10, 1000, 1000, 9000))) == found
    assert kinds(loaded_day_alerts(with_alerts(), DAY, facts, weeks(10, 1000))) == [], "two weeks are too few"
    assert kinds(loaded_day_alerts(with_alerts(volume_factor=None), DAY, facts, weeks(1, 1, 1, 1))) == []


def test_a_property_is_new_on_the_first_day_that_has_it_and_not_on_the_first_day_of_all() -> None:
    facts = loaded(properties=("old", "new"), not_converted=("price",))
    index = BoardIndex(
        days={"2026-06-30": loaded(), "2026-07-02": loaded()},
        properties={"old": "2026-06-30", "new": "2026-07-01"},
        not_converted={"price": "2026-07-02"},
    )
    (alert,) = loaded_day_alerts(with_alerts(), DAY, facts, index)
    assert alert.sentence == (
        "Events of 2026-07-01 of pipeline shop have properties for the first time: new; values of another type than "
        "before, for: price."
    )
    assert alert.conditions == ("new new", "type price")
    assert kinds(loaded_day_alerts(with_alerts(), date(2026, 6, 30), facts, index)) == [], "the first day"
    assert kinds(loaded_day_alerts(with_alerts(new_properties=False), DAY, facts, index)) == []
    full = {str(number): "2026-01-01" for number in range(MOST_PROPERTIES)}
    assert (
        kinds(loaded_day_alerts(with_alerts(), DAY, facts, BoardIndex(days=index.days, properties=full)))
        == []
    )


def test_missing_days_are_one_alert_that_is_new_when_one_of_them_is() -> None:
    verdicts = {
        "2026-07-01": Verdict("never run", "never run", "RUN"),
        "2026-07-02": Verdict("active", "active", "NONE", ("mapping",)),
        "2026-07-03": Verdict("failed", "AEP refused batch B1", "CORRECT"),
        "2026-07-19": Verdict("never run", "never run", "RUN"),
    }
    (alert,) = missing_days_alerts(with_alerts(), BoardIndex(verdicts=verdicts), NOW)
    assert alert.conditions == ("2026-07-01", "2026-07-03"), "not the one within missing_grace_hours"
    assert "2 days of pipeline shop are missing in AEP: 2026-07-01 (never run)" in alert.sentence
    assert "mixpanel-aep ledger show shop DAY" in alert.remedy
    assert list(missing_days_alerts(with_alerts(), BoardIndex(), NOW)) == []


@pytest.mark.parametrize(
    ("late", "vanished", "found"), [(10, 1, []), (11, 0, ["refresh"]), (0, 2, ["refresh"]), (0, 0, [])]
)
def test_a_refresh_is_an_alert_above_its_limits(late: int, vanished: int, found: list[str]) -> None:
    refreshed = [RefreshedDay(DAY, late, vanished, 1000)]
    assert kinds(refresh_alerts(with_alerts(), refreshed, {})) == found
    off = with_alerts(max_late=None, max_vanished=None)
    assert kinds(refresh_alerts(off, refreshed, {"2026-01-01": 3})) == []


def test_events_of_older_days_that_are_not_loaded_are_an_alert() -> None:
    (alert,) = refresh_alerts(with_alerts(), [], {"2026-01-01": 3})
    assert "2026-01-01: 3 late events not loaded" in alert.sentence


@pytest.mark.parametrize(
    ("today", "stage"),
    [("2026-11-30", None), ("2026-12-02", "soon"), ("2026-12-25", "last week"), ("2027-01-01", "last week"),
     ("2027-01-02", "ended")],
)  # fmt: skip
def test_a_credential_is_an_alert_a_month_and_a_week_before_its_end_and_after_it(
    today: str, stage: str | None
) -> None:
    settings = with_alerts(credentials={"Mixpanel account": date(2027, 1, 1)})
    found = [
        alert.conditions[0].rpartition("/")[2]
        for alert in credential_alerts(settings, date.fromisoformat(today))
    ]
    assert found == ([stage] if stage else [])


def test_a_failure_is_the_same_alert_while_its_cause_is_the_same() -> None:
    def of(sentence: str, error: str) -> tuple[str, ...]:
        return failed_task_alert(
            with_alerts(), DAY, Failure("export", sentence, "Wait.", error), dag_id="d"
        ).conditions

    assert of("Mixpanel is slow (1).", "Throttled") == of("Mixpanel is slow (2).", "Throttled")
    assert of("It is slow.", "Throttled") != of("It is slow.", "ConfigError")
    alert = failed_task_alert(
        with_alerts(), None, Failure("verify"), dag_id="mixpanel_aep_verify_shop", run="r"
    )
    assert "mixpanel_aep_verify_shop failed in verify: The task reported no reason" in alert.sentence


def test_a_day_is_late_until_it_is_loaded_or_empty() -> None:
    assert is_loaded(loaded())
    assert is_loaded(DayFacts(1, "", progress="empty"))
    assert not is_loaded(DayFacts(1, "", progress="waiting"))
    assert not is_loaded(None)
    assert (
        "not in AEP 3 hours after it settled; its run is failed"
        in late_day_alert(with_alerts(late_after_hours=3), DAY, "failed").sentence
    )


def an_alert(**changes: Any) -> Alert:
    fields: dict[str, Any] = {
        "kind": "volume", "pipeline": "shop", "partition": DAY, "sentence": "It <b>happened</b>.\nTwice.",
        "remedy": "Do & wait.", "conditions": ("one",), "path": "mixpanel-aep/board", **changes,
    }  # fmt: skip
    return Alert(**fields)


def test_an_alert_is_text_html_and_fields_with_its_link() -> None:
    alert = an_alert().with_base_url("https://airflow.example.com/")
    assert alert.title == "mixpanel-aep shop 2026-07-01: unusual volume"
    assert alert.text.splitlines() == [
        "It (b)happened(/b). Twice.",
        "Do & wait.",
        "https://airflow.example.com/mixpanel-aep/board",
    ]
    assert "Do &amp; wait." in alert.html
    assert alert.fields["link"] == "https://airflow.example.com/mixpanel-aep/board"
    assert "href" not in an_alert().html


@given(st.text(max_size=200))
def test_no_name_of_a_property_is_markup_a_mention_or_a_second_line(name: str) -> None:
    shown = name_list([name])
    assert not set("<>@{}|*[]()&`'\"!#\n\r\x1b\u202e") & set(shown)


def test_many_names_are_counted() -> None:
    assert name_list([f"p{number}" for number in range(12)]).endswith("p9 and 2 more")


def test_what_was_sent_is_remembered_by_recipient_and_condition(tmp_path: Path) -> None:
    lake, alert = Lake(f"file://{tmp_path}/lake"), an_alert(conditions=("one", "two"))
    assert not was_sent(lake, alert, "ann")
    record_sent(lake, alert, "ann", NOW)
    record_sent(lake, alert, "ann", NOW)
    assert was_sent(lake, alert, "ann")
    assert was_sent(lake, an_alert(conditions=("two",)), "ann"), "a part of it"
    assert not was_sent(lake, an_alert(conditions=("two", "three")), "ann")
    assert not was_sent(lake, alert, "bob")
    assert not was_sent(lake, an_alert(partition=None), "ann")
    in_backfill = alert.in_backfill("2026-07-20")
    assert in_backfill.digests("ann") == an_alert(
        partition=date(2026, 7, 2), conditions=("one", "two")
    ).in_backfill("2026-07-20").digests("ann")
