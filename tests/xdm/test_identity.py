"""An event's `_id`: the same for ever, and never the same for two events."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.xdm.identity import event_id, event_id_without_insert_id

pytestmark = pytest.mark.unit
TEXT = st.text(st.sampled_from('ab",[]\\:\x00\u2028é\ud800'), max_size=6)
KEYS = st.tuples(st.integers(1, 99), TEXT, TEXT, st.integers(-9, 9), TEXT)
PROPERTIES = st.dictionaries(TEXT, TEXT, max_size=3)


def test_the_id_of_a_known_event_never_changes() -> None:
    """What is active in AEP has this id; another one for the same event would be the event a second time."""
    known = event_id(1234567, "Purchase", "u-1001", 1782907260, "0m5q10ooiui3hwc2")
    assert known == "f9960a6a3c9ccba88a898b223e38574feb973a54f71673bed5dc3125081dd381"
    parts = '[1234567,"Purchase","u-1001",1782907260,"0m5q10ooiui3hwc2"]'
    assert known == hashlib.sha256(parts.encode()).hexdigest()


def test_the_id_of_a_known_event_without_insert_id_never_changes() -> None:
    known = event_id_without_insert_id(1234567, "Größe", {"time": "1782907260", "a": '"x"'})
    parts = '[1234567,"Größe",[["a","\\"x\\""],["time","1782907260"]]]'
    assert known == hashlib.sha256(parts.encode()).hexdigest()


@given(KEYS, KEYS)
def test_no_choice_of_texts_makes_two_events_alike(
    one: tuple[int, str, str, int, str], other: tuple[int, str, str, int, str]
) -> None:
    assert (event_id(*one) == event_id(*other)) == (one == other)


@given(st.lists(TEXT, min_size=3, max_size=3), st.data())
def test_the_border_between_two_texts_matters(texts: list[str], data: st.DataObject) -> None:
    """ "ab" + "c" and "a" + "bc" are two events."""
    joined = "".join(texts)
    cuts = sorted(data.draw(st.tuples(*[st.integers(0, len(joined))] * 2)))
    moved = [joined[: cuts[0]], joined[cuts[0] : cuts[1]], joined[cuts[1] :]]
    ids = {event_id(1, name, distinct, 0, insert) for name, distinct, insert in (texts, moved)}
    assert len(ids) == (1 if texts == moved else 2)


@given(PROPERTIES, PROPERTIES)
def test_an_event_without_insert_id_is_its_properties_in_any_order(
    one: dict[str, str], other: dict[str, str]
) -> None:
    mine = event_id_without_insert_id(1, "A", one)
    assert (mine == event_id_without_insert_id(1, "A", other)) == (one == other)
    assert mine == event_id_without_insert_id(1, "A", dict(reversed(one.items())))


@given(KEYS)
def test_an_id_can_stand_in_a_uri_reference(key: tuple[int, str, str, int, str]) -> None:
    """AEP's `_id` is one; SHA-256 in hex is 64 harmless characters."""
    made = event_id(*key)
    assert len(made) == 64
    assert set(made) <= set("0123456789abcdef")
