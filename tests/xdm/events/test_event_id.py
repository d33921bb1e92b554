"""An event's `_id`: always the same, and never the same for two events."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.xdm.events.event_id import (
    MERGE_PROPERTIES,
    PROCESSING_PROPERTIES,
    RECIPE,
    RECIPES,
    content_digest,
    event_id,
    event_id_of_content,
    event_id_without_insert_id,
)

pytestmark = pytest.mark.unit
TEXT = st.text(st.sampled_from('ab",[]\\:\x00\u2028é\ud800'), max_size=6)
KEYS = st.tuples(st.integers(1, 99), TEXT, TEXT, st.integers(-9, 9), TEXT)
PROPERTIES = st.dictionaries(TEXT, TEXT, max_size=3)


def test_the_id_of_a_known_event_never_changes() -> None:
    """Active rows in AEP have this id; another one would load the event a second time."""
    known = event_id(1234567, "Purchase", "u-1001", 1782907260, "0m5q10ooiui3hwc2")
    assert known == "f9960a6a3c9ccba88a898b223e38574feb973a54f71673bed5dc3125081dd381"
    parts = '[1234567,"Purchase","u-1001",1782907260,"0m5q10ooiui3hwc2"]'
    assert known == hashlib.sha256(parts.encode()).hexdigest()


def test_the_id_of_a_known_event_without_insert_id_never_changes() -> None:
    known = event_id_without_insert_id(1234567, "Größe", {"time": "1782907260", "a": '"x"'})
    parts = '[1234567,"Größe",[["a","\\"x\\""],["time","1782907260"]]]'
    assert known == hashlib.sha256(parts.encode()).hexdigest()


@given(KEYS, KEYS)
def test_no_choice_of_texts_makes_two_events_equal(
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
def test_an_event_without_insert_id_is_identified_by_its_properties_in_any_order(
    one: dict[str, str], other: dict[str, str]
) -> None:
    mine = event_id_without_insert_id(1, "A", one)
    assert (mine == event_id_without_insert_id(1, "A", other)) == (one == other)
    assert mine == event_id_without_insert_id(1, "A", dict(reversed(one.items())))


@given(KEYS)
def test_an_id_is_valid_in_a_uri_reference(key: tuple[int, str, str, int, str]) -> None:
    """AEP's `_id` is one; SHA-256 in hex is 64 harmless characters."""
    made = event_id(*key)
    assert len(made) == 64
    assert set(made) <= set("0123456789abcdef")


# Active rows in AEP have these ids. A recipe that produces others loads the same events a second time:
# do not change a value here, add a new recipe.
GOLDEN = {
    "with $insert_id": (
        event_id(4_000_001, "Purchase", "u-1", 1782907200, "i-1"),
        "890807f5065e8f55d0a867d1755c8cc101d0bed44d0dfec659e6b168995d50e8",
    ),
    "with $insert_id, nobody's": (
        event_id(4_000_001, "Ad spend", "", 1782907200, "i-1"),
        "19857771a4f9a9707973a305aea2b47bd0bb4d455e3a6419d24bdc4ebca5e4b5",
    ),
    "recipe 1, without $insert_id": (
        event_id_without_insert_id(
            4_000_001, "Größe", {"time": "1782907200", "distinct_id": '"u"', "a": "1.50"}
        ),
        "3a0f5e041061af267812ab78e11a09a9df4215f6e5fca5d56e8ae25adc1c57be",
    ),
    "recipe 2, without $insert_id": (
        event_id_of_content(
            4_000_001, "Größe", "u", 1782907200, {"time": "1782907200", "a": "1.50", "b\n": '"é"'}
        ),
        "1eab9151042d218aec7a82536ca54b5e8d206f7fb27e59058bfbfc5678012b8b",
    ),
    "recipe 2, without $insert_id, nobody's": (
        event_id_of_content(4_000_001, "Ad spend", "", 1782907200, {"cost": "12.30"}),
        "16cf37ef005be577c584a673a3e72ad1443abc5cd653fcf3066fed07860f4faf",
    ),
}


@pytest.mark.parametrize(("made", "golden"), GOLDEN.values(), ids=GOLDEN)
def test_an_id_never_changes(made: str, golden: str) -> None:
    assert made == golden


def test_recipes_are_found_by_number() -> None:
    assert (RECIPES, RECIPE) == ((1, 2), 2)


def test_recipe_2_hashes_a_canonical_array() -> None:
    parts = '[1,"Größe","u",7,[["a","1.50"],["b\\n","\\"x\\""]]]'
    made = event_id_of_content(1, "Größe", "u", 7, {"b\n": '"x"', "a": "1.50", "time": "7"})
    assert made == hashlib.sha256(parts.encode()).hexdigest()


REWRITTEN = sorted(MERGE_PROPERTIES | PROCESSING_PROPERTIES | {"time"})


@given(KEYS, PROPERTIES, st.dictionaries(st.sampled_from(REWRITTEN), TEXT))
def test_values_that_mixpanel_rewrites_or_adds_do_not_change_an_id(
    key: tuple[int, str, str, int, str], properties: dict[str, str], rewritten: dict[str, str]
) -> None:
    project, event, distinct_id, seconds, _ = key
    made = event_id_of_content(project, event, distinct_id, seconds, properties)
    assert made == event_id_of_content(project, event, distinct_id, seconds, properties | rewritten)


@given(KEYS, PROPERTIES, KEYS, PROPERTIES)
def test_different_events_stay_different_in_recipe_2(
    one: tuple[int, str, str, int, str],
    mine: dict[str, str],
    other: tuple[int, str, str, int, str],
    its: dict[str, str],
) -> None:
    ids = (event_id_of_content(*one[:4], mine), event_id_of_content(*other[:4], its))
    assert (ids[0] == ids[1]) == ((one[:4], mine) == (other[:4], its))
    assert ids[0] not in (event_id(*one), event_id(*other)), "nor is one with an $insert_id"


def raws(properties: dict[str, str]) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(text.encode()) for name, text in properties.items()}


def test_a_digest_of_content_never_changes() -> None:
    """Digests of an earlier export are compared with those of a later one."""
    made = content_digest("Größe", 1782907200, raws({"b": "1.50", "a": '"x"', "é\n": "{}"}))
    assert made == -7958055135762971144


JSON_TEXTS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=4),
    st.sampled_from(["1", "1.0", '"1"', "null", "[]"]),
    max_size=4,
)


@given(JSON_TEXTS, JSON_TEXTS, st.integers(0, 2), st.integers(0, 2))
def test_equal_content_has_equal_digests_and_a_change_is_visible(
    one: dict[str, str], other: dict[str, str], at: int, later: int
) -> None:
    for properties in (one, other):
        for name in (*PROCESSING_PROPERTIES, "time"):
            properties.pop(name, None)
    mine = content_digest("A", at, raws(one))
    assert (mine == content_digest("A", later, raws(other))) == (one == other and at == later)
    processed = {"mp_processing_time_ms": "7", "$mp_api_timestamp_ms": "8", "time": "1782907200123"}
    assert mine == content_digest("A", at, raws(dict(reversed((one | processed).items()))))
    assert -(2**63) <= mine < 2**63


def test_a_merge_is_a_change_of_content() -> None:
    before = content_digest("A", 1, raws({"distinct_id": '"$device:d"'}))
    merged = {"distinct_id": '"u"', "$distinct_id_before_identity": '"$device:d"'}
    assert content_digest("A", 1, raws(merged)) != before
