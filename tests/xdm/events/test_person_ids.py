"""The person ids in a line, by kind, in any JSON notation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.config.identities import IdentityPlaceholders
from include.xdm.events.person_ids import PersonIdReader, PersonMatcher

pytestmark = [pytest.mark.unit, pytest.mark.case("M19")]
READER = PersonIdReader(IdentityPlaceholders())


def line(**properties: Any) -> bytes:
    return json.dumps({"event": "E", "properties": properties}).encode()


@pytest.mark.parametrize(
    ("properties", "users", "devices"),
    [
        ({"distinct_id": "u", "$user_id": "u", "$device_id": "d"}, {"u"}, {"d"}),
        ({"distinct_id": "$device:d"}, set(), {"d"}),
        ({"distinct_id": "d", "$device_id": "d"}, set(), {"d"}),
        ({"distinct_id": " u\u200b"}, {"u"}, set()),
        ({"distinct_id": 42, "$device_id": 7}, {"42"}, {"7"}),
        ({"distinct_id": True, "$user_id": None, "$device_id": {"a": 1}}, set(), set()),
        ({"distinct_id": "undefined", "$user_id": "u", "$device_id": "0000-0000"}, {"u"}, set()),
        ({"distinct_id": "u", "$distinct_id_before_identity": "$device:d"}, {"u"}, {"d"}),
        ({"$identified_id": "u", "$anon_id": "d"}, {"u"}, {"d"}),
        ({"alias": "v", "distinct_id": "u"}, {"u", "v"}, set()),
        ({"$distinct_ids": ["u", "$device:d", ["x"]]}, {"u"}, {"d"}),
    ],
)
def test_m19_the_ids_of_an_event(properties: dict[str, Any], users: set[str], devices: set[str]) -> None:
    found = READER.of_line(line(**properties))
    assert found is not None
    assert (found.users, found.devices) == (users, devices)


@given(st.text(min_size=1), st.booleans())
def test_m19_an_id_is_found_however_it_is_escaped(value: str, ascii_only: bool) -> None:
    body = json.dumps({"properties": {"distinct_id": value}}, ensure_ascii=ascii_only)
    if any(0xD800 <= ord(each) < 0xE000 for each in value):
        return
    found = READER.of_line(body.encode())
    assert found is not None
    clean = READER.clean(value)
    assert found.users | found.devices == ({clean} if clean else set())


@pytest.mark.parametrize("broken", [b"", b"[]", b'{"event":"E"}', b'{"properties":[]}', b"{" * 5000, b'{"properties":{"distinct_id":"\xff'])  # fmt: skip
def test_m19_a_line_that_is_not_an_event_has_only_tokens(broken: bytes) -> None:
    assert READER.of_line(broken) is None
    matcher = PersonMatcher(READER, lambda value: value == "anna", lambda value: False)
    assert not matcher.matches(broken)
    assert matcher.matches(broken + b' "distinct_id":"anna"')
