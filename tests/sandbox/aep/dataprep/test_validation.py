"""``/mappingSets/validate``, ``/mappingSets/preview`` and ``/languages/el`` over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixpanel_aep_sandbox.aep.core.constants import CONVERSION
from mixpanel_aep_sandbox.aep.dataprep.functions.registry import FUNCTIONS, METHODS
from tests.support.sandbox.aep_app import AepApp

pytestmark = pytest.mark.sandbox

EL = f"{CONVERSION}/languages/el"
SETS = f"{CONVERSION}/mappingSets"


def mapping_set(schema: str, *mappings: tuple[str, Any, str]) -> dict[str, Any]:
    listed = [{"sourceType": kind, "source": source, "destination": to} for kind, source, to in mappings]
    return {"outputSchema": {"schemaRef": {"id": schema}}, "mappings": listed}


def test_each_mapping_is_validated_by_itself(aep: AepApp, schema: str) -> None:
    body = mapping_set(
        schema,
        ("ATTRIBUTE", "id", "_id"),
        ("EXPRESSION", "lowr(x)", "_acmesandbox.plan"),
        ("EXPRESSION", "lower(x)", "_acmesandbox.none"),
        ("STATIC", 5, "_acmesandbox.count"),
        ("ATTRIBUTE", "a..b", "_acmesandbox.code"),
        ("ATTRIBUTE", "tags", "_acmesandbox.tags.name"),
        ("ATTRIBUTE", "tags", "_acmesandbox.tags[*]"),
        ("ATTRIBUTE", "x", "_acmesandbox.labels.any"),
    )
    answer = aep.ok("POST", f"{SETS}/validate", json=body)["validationResponse"]
    reported = [(one["status"], one["errors"] and one["errors"][0]["exception"]) for one in answer]
    assert [status for status, _ in reported] == [
        "SUCCESS", "FAILED", "FAILED", "SUCCESS", "FAILED", "FAILED", "SUCCESS", "SUCCESS",
    ]  # fmt: skip
    assert "the nearest is lower()" in reported[1][1]
    assert "no field _acmesandbox.none" in reported[2][1]
    assert "its items are _acmesandbox.tags[*]" in reported[5][1]
    assert answer[1]["errors"][0]["sourceType"] == "EXPRESSION"
    assert answer[0] == {"status": "SUCCESS", "errors": None}
    assert aep.request("POST", f"{SETS}/validate", json={"mappings": []}).status_code == 400


def test_rows_are_previewed(aep: AepApp, schema: str) -> None:
    maps = mapping_set(
        schema,
        ("ATTRIBUTE", "id", "_id"),
        ("ATTRIBUTE", "n", "_acmesandbox.small"),
        ("EXPRESSION", "now()", "timestamp"),
    )
    aep.state.clock.set(1_571_829_875, frozen=True)
    answer = aep.ok(
        "POST", f"{SETS}/preview", json={"data": [{"id": 1234, "n": "x"}, {}], "mappingSet": maps}
    )
    assert answer[0]["data"] == {"_id": "1234", "timestamp": "2019-10-23T11:24:35Z"}
    (error,) = answer[0]["errors"]
    assert error["destination"] == "_acmesandbox.small" and error["exception"].startswith("MAPPER-3700-400: ")
    assert answer[1] == {"data": {"timestamp": "2019-10-23T11:24:35Z"}, "errors": None}
    single = aep.ok("POST", f"{SETS}/preview", json={"data": {"id": 5}, "mappingSet": maps})
    assert [one["data"]["_id"] for one in single] == ["5"]
    for wrong in (
        {"data": [1], "mappingSet": maps},
        {"data": [{}] * 101, "mappingSet": maps},
        {"mappingSet": maps},
        {"data": []},
        {"data": [], "mappingSet": {"mappings": []}},
        [],
    ):
        assert aep.request("POST", f"{SETS}/preview", json=wrong).status_code == 400


def test_an_expression_is_validated(aep: AepApp) -> None:
    def answer(expression: str, **more: Any) -> Any:
        return aep.ok("POST", f"{EL}/validate", json={"expression": expression, **more})

    assert answer('concat("Hi", ",", "there", "!")') == {"validationStatus": "succeeded", "error": "none"}
    failed = answer("concat(")
    assert failed["validationStatus"] == "failed" and "(at character 8)" in failed["error"]
    assert answer("1 / a", sampleData='{"a": 0}')["error"].startswith("Division by zero")
    assert answer("1 / a", sampleData='{"a": 1}')["error"] == "none"
    for wrong in (
        {},
        {"expression": 5},
        {"expression": "1", "sampleData": "["},
        {"expression": "1", "sampleData": {}},
    ):
        assert aep.request("POST", f"{EL}/validate", json=wrong).status_code == 400


def test_settings_choose_between_contradicting_documents(aep: AepApp, schema: str) -> None:
    chosen = {
        "mapping_expression_answer": "boolean",
        "mapping_source_types": "plain",
        "mapping_function_names": "reserved",
        "mapping_division": "decimal",
    }
    assert aep.http.post("/_sandbox/aep/settings", json=chosen).status_code == 200
    assert aep.ok("POST", f"{EL}/validate", json={"expression": "1 +"}) is False
    assert aep.ok("POST", f"{EL}/validate", json={"expression": "1 + 1"}) is True
    assert aep.ok("POST", f"{EL}/validate", json={"expression": 'date.equals("3/21/24")'}) is False
    half = mapping_set(schema, ("EXPRESSION", "1 / 2", "_acmesandbox.price"))
    answer = aep.ok("POST", f"{SETS}/preview", json={"data": [{}], "mappingSet": half})
    assert answer[0]["data"] == {"_acmesandbox": {"price": 0.5}}
    made = aep.ok("POST", SETS, json=half)
    assert aep.ok("GET", f"{SETS}/{made['id']}")["mappings"][0]["sourceType"] == "EXPRESSION"


def test_functions_and_operators_are_listed(aep: AepApp) -> None:
    functions = {reported["function"]: reported for reported in aep.ok("GET", f"{EL}/functions")}
    assert functions.keys() == FUNCTIONS.keys() | METHODS.keys()
    first = functions["first"]
    assert first["example"] == 'first("1", "2", "3")' and first["result"] == '"1"'
    assert first["params"][0]["dataType"] == "[Ljava.lang.Object;" and first["params"][0]["position"] == 1
    assert functions["date"]["syntax"] == "ZonedDateTime date(Object, String, ZonedDateTime)"
    assert "Not available in the sandbox" in functions["ua_os_name"]["description"]
    operators = aep.ok("GET", f"{EL}/operators")
    assert {"+", "/", "~", "-", "!"} <= {reported["operatorSymbol"] for reported in operators}
    divide = next(reported for reported in operators if reported["methodName"] == "divide")
    assert (divide["numberOfOperands"], divide["example"]) == (2, "1 / 2")


_NAMES = st.sampled_from(
    ["source", "destination", "sourceType", "mappings", "outputSchema", "schemaRef", "id", "xdmSchema", "data",
     "mappingSet", "expression", "sampleData", "status", "name", "version", "allowNullValues", "inputSchema"]
)  # fmt: skip
_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=5),
        st.sampled_from(
            ["ATTRIBUTE", "EXPRESSION", "a.b[0]", "lower(a)", "_id", "https://ns.adobe.com/xdm/x"]
        ),
    ),
    lambda parts: st.one_of(st.lists(parts, max_size=3), st.dictionaries(_NAMES, parts, max_size=5)),
    max_leaves=12,
)


@given(
    st.sampled_from([SETS, f"{SETS}/validate", f"{SETS}/preview", f"{EL}/validate"]),
    st.one_of(_VALUES, st.dictionaries(_NAMES, _VALUES, max_size=6)),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_breaks_a_route(aep: AepApp, schema: str, url: str, body: Any) -> None:
    if isinstance(body, dict):
        inner = body.get("mappingSet")
        for one in (body, inner if isinstance(inner, dict) else {}):
            one.setdefault("xdmSchema", schema)
    assert aep.request("POST", url, json=body).status_code in (200, 400)
