"""The day of a stored line, for any line: a refresh of many days reads it for every line."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.mixpanel.stored_day import property_text, stored_day
from include.steps.reconcile.window import _processed_ms
from tests.support.builders import DAY, NOON

pytestmark = pytest.mark.unit
DEEP = b"[" * 1200 + b"]" * 1200


def test_the_day_of_a_deeply_nested_line_is_still_its_day() -> None:
    """Otherwise one such event would turn one export of the whole range into one for each day."""
    for before, after in (
        (b'"x":%s,' % DEEP, b""),
        (b"", b',"x":%s' % DEEP),
        (b'"x":{"time":1,"d":%s},' % DEEP, b""),
    ):
        line = b'{"event":"A","properties":{%s"time":%d%s}}' % (before, NOON, after)
        assert stored_day(line, in_ms=False) == DAY
        assert stored_day(line.replace(b"%d" % NOON, b"%d.5" % NOON), in_ms=False) == DAY
        assert stored_day(line.replace(b"%d" % NOON, b"%d000" % NOON), in_ms=True) == DAY
    assert stored_day(b'{"event":"A","properties":{"x":%s,"y":"\\"time\\":1"}}' % DEEP, in_ms=False) is None


def test_a_processing_time_is_an_integer_or_missing() -> None:
    line = b'{"event":"A","properties":{"mp_processing_time_ms":%s,"x":%s}}'
    for deep in (b"1", DEEP):
        assert _processed_ms(line % (b"17", deep)) == 17
        for odd in (b'"17"', b"1.5", b"1e400", b"null", b"[]", b"9" * 400):
            assert _processed_ms(line % (odd, deep)) is None


NUMBERS = (
    st.floats().map(repr)
    | st.integers().map(str)
    | st.sampled_from(["1e999999999", "-1e-999999999999", "9" * 5000])
)
VALUES = NUMBERS | st.sampled_from(
    ['"1"', "null", "true", "[]", "{}", DEEP.decode(), '"\\ud800"', "0x1", "01", "1_0"]
)


@given(VALUES, VALUES, st.booleans())
def test_any_line_has_a_day_or_none(time: str, other: str, in_ms: bool) -> None:
    line = (
        f'{{"event":"A","properties":{{"x":{other},"time":{time},"mp_processing_time_ms":{other}}}}}'.encode()
    )
    assert isinstance(stored_day(line, in_ms=in_ms), date | None)
    assert isinstance(_processed_ms(line), int | None)


@given(
    st.binary(max_size=40)
    | st.sampled_from([DEEP, b'{"properties":' * 3000, b'{"properties":{"\xff":1,"time":1}}'])
)
def test_any_bytes_have_a_day_or_none(line: bytes) -> None:
    for wrapped in (line, b'{"properties":{"time":' + line, b'{"properties":{"time":' + line + b"}}"):
        assert isinstance(stored_day(wrapped, in_ms=False), date | None)
        assert isinstance(property_text(wrapped, "time"), str | None)


def test_the_first_and_the_last_possible_day() -> None:
    line = b'{"properties":{"time":%d}}'
    assert stored_day(line % -62135596800, in_ms=False) == date.min
    assert stored_day(line % -62135596801, in_ms=False) is None
    assert stored_day(line % (253402300800 - 1), in_ms=False) == date.max
    assert stored_day(line % 253402300800, in_ms=False) is None
    assert stored_day(line % -1, in_ms=False) == date(1970, 1, 1) - timedelta(1)
