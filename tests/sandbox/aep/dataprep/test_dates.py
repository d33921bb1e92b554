"""Java's date patterns, the formats that are tried, zones, and the date functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.format import write_date
from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.guess import DOCUMENTED, guess_date
from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.parse import parse_date
from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.patterns import LETTERS
from mixpanel_aep_sandbox.aep.dataprep.functions.moments import ZonedDateTime
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError
from tests.support.sandbox.dataprep_values import value_of

pytestmark = pytest.mark.unit

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
JULY = ZonedDateTime(datetime(2004, 7, 6, 15, 38, 44, tzinfo=LOS_ANGELES), 245_000_678)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("G GGGG GGGGG", "AD Anno Domini A"),
        ("y yy yyyy yyyyyy", "2004 04 2004 002004"),
        ("Y-'W'ww-u", "2004-W28-2"),
        ("M MM MMM MMMM MMMMM", "7 07 Jul July J"),
        ("L LL LLL LLLL", "7 07 Jul July"),
        ("D DDD d dd", "188 188 6 06"),
        ("W F", "2 1"),
        ("E EEEE EEEEE", "Tue Tuesday T"),
        ("a h hh K H HH k", "PM 3 03 3 15 15 15"),
        ("m:s S SSS SSSSSS SSSSSSSSS", "38:44 2 245 245000 245000678"),
        ("z zzzz", "PDT Pacific Daylight Time"),
        ("Z ZZZZ ZZZZZ", "-0700 GMT-07:00 -07:00"),
        ("X XX XXX x xxx", "-07 -0700 -07:00 -07 -07:00"),
        ("VV", "America/Los_Angeles"),
        ("O OOOO", "GMT-7 GMT-07:00"),
        ("Q QQ QQQ QQQQ q", "3 03 Q3 3rd quarter 3"),
        ("yyyy'T''x'''", "2004T'x'"),
        ("'it''s' yyyy", "it's 2004"),
    ],
)
def test_dates_are_written_by_javas_patterns(pattern: str, text: str) -> None:
    assert write_date(JULY, pattern) == text


def test_midnight_noon_and_utc_are_written_as_java_does() -> None:
    midnight = ZonedDateTime(datetime(2024, 1, 1, tzinfo=UTC))
    assert write_date(midnight, "k h K a X x Z O z zzzz VV") == (
        "24 12 0 AM Z +00 +0000 GMT UTC Coordinated Universal Time Z"
    )
    odd = ZonedDateTime(datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=-3, minutes=-30))))
    assert write_date(odd, "h K a X XX O z") == "12 0 PM -0330 -0330 GMT-3:30 -03:30"


@pytest.mark.parametrize(
    ("text", "pattern", "iso"),
    [
        ("2019-10-23 11:24", "yyyy-MM-dd HH:mm", "2019-10-23T11:24:00Z"),
        ("20191023", "yyyyMMdd", "2019-10-23T00:00:00Z"),
        ("10232019", "MMddyyyy", "2019-10-23T00:00:00Z"),
        ("20191023112435245", "yyyyMMddHHmmssSSS", "2019-10-23T11:24:35.245Z"),
        ("3/21/24", "M/d/yy", "2024-03-21T00:00:00Z"),
        ("12-nov-2020", "dd-MMM-yyyy", "2020-11-12T00:00:00Z"),
        ("Thursday, 12 November 2020", "EEEE, d MMMM yyyy", "2020-11-12T00:00:00Z"),
        ("12:05 am 1/2/2020", "h:mm a M/d/yyyy", "2020-01-02T00:05:00Z"),
        ("24:00 2020", "k:mm yyyy", "2020-01-01T00:00:00Z"),
        ("2020-060", "yyyy-DDD", "2020-02-29T00:00:00Z"),
        ("2020 Q3", "yyyy QQQ", "2020-07-01T00:00:00Z"),
        ("2020-W53-5", "YYYY-'W'ww-u", "2021-01-01T00:00:00Z"),
        ("2019-10-23T11:24:35+0200", "yyyy-MM-dd'T'HH:mm:ssZ", "2019-10-23T11:24:35+02:00"),
        ("2019-10-23T11:24:35Z", "yyyy-MM-dd'T'HH:mm:ssX", "2019-10-23T11:24:35Z"),
        ("2019-10-23 11:24 Europe/Paris", "yyyy-MM-dd HH:mm VV", "2019-10-23T11:24:00+02:00"),
        ("2019-10-23 11:24 PDT", "yyyy-MM-dd HH:mm z", "2019-10-23T11:24:00-07:00"),
        ("2019-10-23 11:24 GMT+2", "yyyy-MM-dd HH:mm O", "2019-10-23T11:24:00+02:00"),
        ("2020-03-29 02:30 Europe/Paris", "yyyy-MM-dd HH:mm VV", "2020-03-29T03:30:00+02:00"),
        ("2020-10-25 02:30 Europe/Paris", "yyyy-MM-dd HH:mm VV", "2020-10-25T02:30:00+02:00"),
    ],
)
def test_dates_are_read_by_javas_patterns(text: str, pattern: str, iso: str) -> None:
    assert parse_date(text, pattern).iso() == iso


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("2019-10-23", "yyyy-MM"),
        ("2019-1-23", "yyyy-MM-dd"),
        ("2019-02-30", "yyyy-MM-dd"),
        ("2019-13-01", "yyyy-MM-dd"),
        ("10:20", "HH:mm"),
        ("2020-366 ", "yyyy-DDD"),
        ("2019-366", "yyyy-DDD"),
        ("13:00 PM 2020", "hh:mm a yyyy"),
        ("2020 Mars/Phobos", "yyyy VV"),
        ("0000", "yyyy"),
        ("99999", "yyyy"),
        ("2020", "yyyy'"),
        ("2020", "yyyyR"),
        ("2020", "[yyyy]"),
        ("2020", "y" * 101),
        ("Juli 2020", "MMMM yyyy"),
    ],
)
def test_invalid_dates_and_patterns_are_refused(text: str, pattern: str) -> None:
    with pytest.raises(EvaluationError):
        parse_date(text, pattern)


_MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(9998, 1, 1))
_ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), ZoneInfo("Asia/Tokyo")])


@given(_MOMENTS, _ZONES, st.sampled_from(["SSSSSS", "SSSSSSSSS"]))
@settings(max_examples=60, deadline=None)
def test_a_formatted_date_is_parsed_back(moment: datetime, zone: Any, digits: str) -> None:
    there = ZonedDateTime.of(moment.replace(tzinfo=zone))
    pattern = f"yyyy-MM-dd'T'HH:mm:ss.{digits}XXXXX"
    assert parse_date(write_date(there, pattern), pattern).instant == there.instant


@given(st.text(max_size=20), st.text(f"{LETTERS}'- :", max_size=20))
@settings(max_examples=150, deadline=None)
def test_any_text_and_pattern_give_a_date_or_an_evaluation_error(text: str, pattern: str) -> None:
    for one, other in ((text, pattern), (pattern, text)):
        try:
            parse_date(one, other)
        except EvaluationError:
            continue
    try:
        write_date(JULY, pattern)
    except EvaluationError:
        return


@pytest.mark.parametrize("pattern", DOCUMENTED)
def test_each_of_the_eighteen_formats_is_tried(pattern: str) -> None:
    moment = ZonedDateTime(datetime(2020, 11, 25, 11, 24, 35, tzinfo=UTC))
    text = write_date(moment, pattern)
    assert guess_date(text).day() == "2020-11-25"
    if "s" in pattern:
        assert guess_date(text).instant == moment.instant


def test_the_first_matching_format_wins() -> None:
    assert guess_date("12112020").day() == "2020-12-11"  # MMddyyyy, not ddMMyyyy.
    assert guess_date("20200102").day() == "2020-01-02"  # yyyyMMdd precedes MMddyyyy.
    for text in ("", "12.13.14.15", "yesterday", "1571829875", "2020-1-1"):
        with pytest.raises(EvaluationError):
            guess_date(text)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('date("2024-05-05 20:39:00.005")', "2024-05-05T20:39:00Z"),
        ('date("2024-05-05 20:39:00.005-0800")', "2024-05-05T20:39:00.005-08:00"),
        ('date("2024-05-05 20:39:00.005", "yyyy-MM-dd HH:mm:ss.SSS")', "2024-05-05T20:39:00.005Z"),
        ('date(null, "yyyy", date("2020-01-01"))', "2020-01-01T00:00:00Z"),
        ("date(null)", None),
        ("date(1571829875000)", "2019-10-23T11:24:35Z"),
        ("dformat(time * 1000, \"yyyy-MM-dd'T'HH:mm:ss.SSSX\")", "2019-10-23T11:24:35.000Z"),
        ('dformat(null, "yyyy")', None),
        ('format("2019-10-23", "dd.MM.yy")', "23.10.19"),
        ('date_part("w", "2021-01-03")', 53),
        ('date_part("dw", "2021-01-03")', 7),
        ('date_part("SSS", date("2021-01-03T00:00:00.123Z"))', 123),
        ('date_part("hh12", date("2021-01-03 00:10:00"))', 12),
        ('date_part("y", date("2021-02-01"))', 32),
        ('set_date_part("month", 2, date("2024-01-31"))', "2024-02-29T00:00:00Z"),
        ('set_date_part("yyyy", 2023, date("2024-02-29"))', "2023-02-28T00:00:00Z"),
        ('zone_date_to_zone(date("2019-10-23T11:24:35Z"), "PST")', "2019-10-23T03:24:35-08:00"),
        ('make_date_time(2020, 3, 29, 2, 30, 0, 0, "Europe/Paris")', "2020-03-29T03:30:00+02:00"),
        ('date("2020-01-01") < date("2020-01-01T00:00:00.001Z")', True),
        ('date("2020-01-01T01:00:00+01:00") == date("2020-01-01")', True),
        ('max(date("2020-01-01"), date("2021-01-01"))', "2021-01-01T00:00:00Z"),
        ('concat(date("2020-01-01"))', "2020-01-01T00:00:00Z"),
    ],
)
def test_functions_of_dates(expression: str, value: Any) -> None:
    assert value_of(expression, time=1571829875) == value


@pytest.mark.parametrize(
    "expression",
    [
        'date("2019")',
        'date("2019", "MM")',
        'date_part("century", now())',
        'set_date_part("quarter", 1, now())',
        'set_date_part("day", 31, date("2021-02-01"))',
        'set_date_part("month", 13, now())',
        'make_date_time(2020, 13, 1, 0, 0, 0, 0, "UTC")',
        'make_date_time(2020, 1, 1, 0, 0, 0, 1000000000, "UTC")',
        'zone_date_to_zone(now(), "../etc/passwd")',
        'zone_date_to_zone(date("0001-01-01"), "-05:00")',
        "dformat(99999999999999999999, 'yyyy')",
        "dformat(1.5, 'yyyy')",
    ],
)
def test_functions_of_dates_refuse(expression: str) -> None:
    with pytest.raises(EvaluationError):
        value_of(expression)
