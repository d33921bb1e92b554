"""JSON Patch as in RFC 6902, including its examples."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_aep_sandbox.aep.core.errors import Problem
from mixpanel_aep_sandbox.aep.core.json_patch import json_patch
from mixpanel_aep_sandbox.aep.registry.audit_log import changes

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("before", "operation", "after"),
    [
        ({"a": 1}, {"op": "add", "path": "/b", "value": 2}, {"a": 1, "b": 2}),
        ({"a": [1, 3]}, {"op": "add", "path": "/a/1", "value": 2}, {"a": [1, 2, 3]}),
        ({"a": [1]}, {"op": "add", "path": "/a/-", "value": 2}, {"a": [1, 2]}),
        ({"a": 1}, {"op": "add", "path": "", "value": {"b": 2}}, {"b": 2}),
        ({"a": 1}, {"op": "replace", "path": "", "value": {"b": 2}}, {"b": 2}),
        ({"a": [1, 2]}, {"op": "remove", "path": "/a/0"}, {"a": [2]}),
        ({"a": [1, 2]}, {"op": "replace", "path": "/a/1", "value": 3}, {"a": [1, 3]}),
        ({"a": {"b": 1}, "c": {}}, {"op": "move", "from": "/a/b", "path": "/c/d"}, {"a": {}, "c": {"d": 1}}),
        ({"a": [1, 2, 3]}, {"op": "move", "from": "/a/0", "path": "/a/2"}, {"a": [2, 3, 1]}),
        ({"a": 1}, {"op": "move", "from": "/a", "path": "/a"}, {"a": 1}),
        ({"a": {"b": 1}}, {"op": "copy", "from": "/a", "path": "/c"}, {"a": {"b": 1}, "c": {"b": 1}}),
        ({"a/b": 1, "m~n": 2}, {"op": "test", "path": "/a~1b", "value": 1.0}, {"a/b": 1, "m~n": 2}),
        ({"~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"~1": 10}),
        ({"a": None}, {"op": "remove", "path": "/a"}, {}),
        ({"": 1}, {"op": "replace", "path": "/", "value": 2}, {"": 2}),
        ({"a": [{}, []]}, {"op": "test", "path": "/a", "value": [{}, []]}, {"a": [{}, []]}),
        ({"a": 1}, {"op": "add", "path": "/b", "value": 2, "unknown": 3}, {"a": 1, "b": 2}),
    ],
)
def test_operations(before: Any, operation: dict[str, Any], after: Any) -> None:
    original = copy.deepcopy(before)
    assert json_patch(before, [operation]) == after
    assert before == original


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/a"},
        {"op": "add", "path": "/missing/b", "value": 1},
        {"op": "add", "path": "/list/3", "value": 1},
        {"op": "add", "path": "/list/01", "value": 1},
        {"op": "add", "path": "/list/\u00b2", "value": 1},
        {"op": "add", "path": f"/list/{'9' * 5000}", "value": 1},
        {"op": "add", "path": "/text/0", "value": 1},
        {"op": "add", "path": "text", "value": 1},
        {"op": "add", "path": "/a~2", "value": 1},
        {"op": "add", "path": 3, "value": 1},
        {"op": "remove", "path": "/missing"},
        {"op": "remove", "path": "/text/x"},
        {"op": "remove", "path": "/list/-"},
        {"op": "remove", "path": ""},
        {"op": "replace", "path": "/missing", "value": 1},
        {"op": "move", "path": "/b"},
        {"op": "move", "from": 3, "path": "/b"},
        {"op": "move", "from": "/object", "path": "/object/inner"},
        {"op": "move", "from": "/list/0", "path": "/list/0/x"},
        {"op": "copy", "from": "/missing", "path": "/b"},
        {"op": "test", "path": "/one", "value": True},
        {"op": "test", "path": "/one", "value": "1"},
        {"op": "test", "path": "/object", "value": {"x": 1, "y": 2}},
        {"op": [], "path": "/a", "value": 1},
        {"path": "/a", "value": 1},
        [],
        "add",
    ],
)
def test_operations_that_do_not_fit(operation: Any) -> None:
    document = {"one": 1, "text": "t", "list": [{}, 2], "object": {"x": 1}}
    with pytest.raises(Problem) as refused:
        json_patch(document, [operation])
    assert refused.value.status == 400


def test_a_patch_is_applied_completely_or_not_at_all() -> None:
    document = {"a": 1}
    with pytest.raises(Problem):
        json_patch(document, [{"op": "remove", "path": "/a"}, {"op": "remove", "path": "/a"}])
    assert document == {"a": 1}


NAMES = st.sampled_from(["", "a", "a/b", "m~n"])
OBJECTS = st.recursive(
    st.dictionaries(NAMES, st.integers(0, 3)),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@given(before=OBJECTS, after=OBJECTS)
def test_the_changes_of_an_audit_log_are_a_patch(before: Any, after: Any) -> None:
    operations = [{"op": op, "path": path, "value": value} for op, path, value in changes(before, after)]
    assert before == after if not operations else json_patch(before, operations) == after
