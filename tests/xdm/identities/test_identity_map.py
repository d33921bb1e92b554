"""Identities of events: computed or read, each with a state; dropped ones are counted and the next one is primary."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from include.config.model import Pipeline
from include.errors import ConfigError
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.steps.transform.dropped_identities import dropped_sentences
from include.xdm.identities.bind_identities import STATES
from tests.support.builders import (
    STRING,
    event,
    identities,
    line,
    pipeline,
    row,
    rows,
    schema,
    transformed,
    workspace,
)

pytestmark = pytest.mark.unit
XDM = schema(city=STRING)
MAPPING = [row("event", "eventType"), row("properties.$city", "city")]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


def mapped(
    lake: Lake, tmp_path: Path, said: dict[str, Any], *events: dict[str, Any], **more: Any
) -> tuple[Manifest, list[Any]]:
    """Return the manifest, and the identity maps by ``$insert_id``; an event is given by its properties."""
    lines = [
        line(event(**{"$insert_id": f"{n:03d}", "$user_id": None, "distinct_id": None, **each}))
        for n, each in enumerate(events)
    ]
    place = workspace(lake, identities=said, **more)
    made = transformed(place, XDM, [*MAPPING, row("properties.$insert_id", "city")][::2], *lines)
    found = {each["_acme"]["mixpanel"]["city"]: each["identityMap"] for each in rows(place, made, tmp_path)}
    return made, [found[f"{n:03d}"] for n in range(len(events))]


def item(identity: str, primary: bool = True, state: str = "ambiguous") -> dict[str, Any]:
    return {"id": identity, "authenticatedState": state, "primary": primary}


TWO = {"$user_id": "MixpanelUser", "$device_id": "MixpanelDevice"}
JUNK: list[Any] = [
    [],
    {},
    False,
    ["a", "b"],
    "\t",
    "null\n",
    "undefined",
    "00000000-0000-0000-0000-000000000000",
    0,
    1.5,
]


def test_an_invalid_identity_is_counted_and_the_next_one_is_primary(lake: Lake, tmp_path: Path) -> None:
    events = [{"$user_id": junk, "$device_id": f"dev-{n}"} for n, junk in enumerate(JUNK)]
    made, found = mapped(
        lake, tmp_path, TWO, *events, {"$device_id": "dev"}, {"$user_id": "", "$device_id": "dev"}
    )
    assert (
        found
        == [{"MixpanelDevice": [item(f"dev-{n}")]} for n in range(len(JUNK))]
        + [{"MixpanelDevice": [item("dev")]}] * 2
    )
    reasons = {"wrong_type": 4, "blank": 1, "blocked": 1, "placeholder": 2, "invalid_number": 2}
    assert made.details["dropped_identities"] == {"MixpanelUser": dict(sorted(reasons.items()))}
    assert made.counts["dropped_identities"] == len(JUNK)
    assert dropped_sentences(made)[0] == "1 value left out of identityMap: MixpanelUser: blank"


def test_an_invalid_ecid_falls_back_to_the_device(lake: Lake, tmp_path: Path) -> None:
    good = "83238819066235616291057085344313877718"
    events = [{"ecid": value, "$device_id": "d1"} for value in (good, "123", good[:-1] + "X")]
    made, found = mapped(lake, tmp_path, {"ecid": "ECID", "$device_id": "MixpanelDevice"}, *events)
    assert found == [
        {"ECID": [item(good)], "MixpanelDevice": [item("d1", False)]},
        *[{"MixpanelDevice": [item("d1")]}] * 2,
    ]
    assert made.details["dropped_identities"] == {"ECID": {"wrong_format": 2}}


def test_a_day_without_dropped_identities_counts_none(lake: Lake, tmp_path: Path) -> None:
    made, _ = mapped(lake, tmp_path, TWO, {"$user_id": "u-1"}, {"$device_id": "d"}, {})
    assert "dropped_identities" not in made.counts
    assert made.details["dropped_identities"] == {}


def test_dropped_identities_of_duplicates_do_not_count(lake: Lake, tmp_path: Path) -> None:
    place = workspace(lake, identities=TWO)
    twice = line(event(**{"$user_id": "null"}))
    made = transformed(place, XDM, MAPPING, twice, twice.replace(b"null", b"none"))
    assert (made.counts["mapped"], made.counts["dropped_identities"]) == (1, 1)


HASHED = {"namespace": "Email_LC_SHA256", "value": "sha256(lower(trim(properties.email)))"}


def test_identities_can_be_computed(lake: Lake, tmp_path: Path) -> None:
    said = {
        "email": HASHED,
        "customer": {"namespace": "Crm", "value": "coalesce(properties.crm_id, properties.old_crm_id)"},
        "$device_id": "MixpanelDevice",
    }
    events: list[dict[str, Any]] = [
        {"email": " Ann@X.Example ", "crm_id": "c-1", "$device_id": "d"},
        {"email": "undefined", "crm_id": ["c"], "$device_id": "d"},
        {"email": ["ann@x.example"], "old_crm_id": 17, "$device_id": "d"},
        {"crm_id": {"a": 1}, "old_crm_id": "c-2", "$device_id": "d"},
        {"crm_id": True, "$device_id": "d"},
        {"$device_id": "d"},
    ]
    made, found = mapped(lake, tmp_path, said, *events)
    ann = hashlib.sha256(b"ann@x.example").hexdigest()
    device = {"MixpanelDevice": [item("d", False)]}
    assert found == [
        {"Email_LC_SHA256": [item(ann)], "Crm": [item("c-1", False)], **device},
        {"MixpanelDevice": [item("d")]},
        {"Crm": [item("17")], **device},
        *[{"MixpanelDevice": [item("d")]}] * 3,
    ]  # fmt: skip
    assert made.details["dropped_identities"] == {
        "Crm": {"wrong_type": 3},
        "Email_LC_SHA256": {"expression_failed": 1, "placeholder": 1},
    }


def test_each_identity_has_a_state(lake: Lake, tmp_path: Path) -> None:
    said = {
        "$user_id": {"namespace": "User", "authenticated_state": "authenticated"},
        "$device_id": "Device",
        "email": {
            **HASHED,
            "authenticated_state": "iif(properties.signed_in, 'authenticated', properties.state)",
        },
    }
    ann = hashlib.sha256(b"a@b").hexdigest()
    events = [{"$user_id": "u", "$device_id": "d", "email": "a@b", "signed_in": signed, "state": state}
              for signed, state in ((True, None), (False, "loggedOut"), (False, "Authenticated"), (False, ["loggedOut"]))]  # fmt: skip
    _, found = mapped(lake, tmp_path, said, *events)
    states = ["authenticated", "loggedOut", "ambiguous", "ambiguous"]
    assert found == [
        {
            "User": [item("u", True, "authenticated")],
            "Device": [item("d", False)],
            "Email_LC_SHA256": [item(ann, False, state)],
        }
        for state in states
    ]
    constant = {"a": {"namespace": "User", "authenticated_state": "loggedOut"}, "b": "Device"}
    other = Lake(f"file://{tmp_path}/other")
    _, found = mapped(other, tmp_path, constant, {"a": "1", "b": "2"})
    assert found == [{"User": [item("1", True, "loggedOut")], "Device": [item("2", False)]}]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"value": "lower("}, r"identities\.email: "),
        ({"value": "lowr(properties.email)"}, "the function lowr does not exist; nearest is lower"),
        ({"value": "email"}, "write properties.email"),
        ({"value": "to_array(false, properties.email)"}, "value is of type array, which is not an identity"),
        ({"value": "properties.a == 'x'"}, "value is of type boolean"),
        ({"authenticated_state": "autenticated"}, "authenticated_state is not one of ambiguous, authenticated, loggedOut, and not a valid expression"),
        ({"authenticated_state": "1 + 1"}, "authenticated_state is of type number"),
    ],
)  # fmt: skip
def test_an_expression_of_another_type_is_refused_by_name(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        identities(email={"namespace": "Email", **said})


def test_rules_change_the_output_and_never_the_id(lake: Lake, tmp_path: Path) -> None:
    """The identity map's contents are not part of an event's ``_id`` or of its content digest."""
    made, ids = [], []
    for more in (
        {},
        {"identity_placeholders": {"values": ["guest"]}},
        {"identity_placeholders": {"defaults": False}},
    ):
        place = workspace(lake, identities=TWO, **more)
        made.append(
            transformed(place, XDM, MAPPING, line(event(**{"$user_id": "guest", "$device_id": "undefined"})))
        )
        ids.append([each["_id"] for each in rows(place, made[-1], tmp_path)])
    assert len({each.digest for each in made}) == 3
    assert ids[0] == ids[1] == ids[2]


def test_a_pipeline_file_may_write_an_identity_short_or_in_full() -> None:
    short = pipeline(identities={"$user_id": "User", "e": HASHED})
    full = pipeline(
        identities={"$user_id": {"namespace": "User", "authenticated_state": STATES[0]}, "e": HASHED}
    )
    assert short.identities == full.identities
    assert short.namespaces == {"$user_id": "User", "e": "Email_LC_SHA256"}
    with pytest.raises(ValueError, match="at most 20"):
        pipeline(identities={f"p{n}": "User" for n in range(21)})
    assert isinstance(short, Pipeline)


def test_the_source_field_of_a_computed_identity_is_not_that_identity() -> None:
    """Otherwise setup would mark the field of the raw address as an identity of hashed ones."""
    made = pipeline(identities={"$user_id": "User", "email": HASHED})
    assert made.identity_properties == ("$user_id",)
