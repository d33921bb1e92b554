"""A mapping set of Data Prep: what AEP accepts is accepted, and all errors of a set are reported together."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import ConfigError
from include.xdm.dataprep.language.paths import parse_path
from include.xdm.mapping.generated_fields import GeneratedFieldRules
from include.xdm.mapping.mapping_set import bind
from include.xdm.schema.xdm_schema import XdmSchema
from tests.support.builders import (
    BOOLEAN,
    DATE,
    DATE_TIME,
    INT,
    NUMBER,
    STRING,
    TENANT,
    array_of,
    object_of,
    row,
    schema,
)

pytestmark = pytest.mark.unit
XDM = schema(
    browser=STRING,
    os=STRING,
    city=STRING,
    quantity=INT,
    tags=array_of(STRING),
    place=object_of(city=STRING),
    items=array_of(object_of(sku=STRING)),
)


def faults(*rows: dict[str, Any], xdm: XdmSchema = XDM) -> str:
    with pytest.raises(ConfigError) as refused:
        bind("shop.json", list(rows), xdm, keep_unmapped=True)
    return str(refused.value)


def formula(source: str, destination: str) -> dict[str, Any]:
    return {**row(source, destination), "sourceType": "EXPRESSION"}


def sources(text: str) -> tuple[tuple[str, ...], ...]:
    return bind("x", [row(text, "browser")], XDM, keep_unmapped=False).mappings[0].sources


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (row("event", "brwser"), "the schema has no field _acme.mixpanel.brwser; nearest is _acme.mixpanel.browser"),
        (row("event", "_other.x.y.z"), "the schema has no field _other.x.y.z"),
        (row("event", "place.town"), "the schema has no field _acme.mixpanel.place.town; nearest is _acme.mixpanel.place"),
        (row("event", "tags.x"), "_acme.mixpanel.tags is an array; write _acme.mixpanel.tags[*].x or _acme.mixpanel.tags[0].x"),
        (row("event", "city[0]"), "_acme.mixpanel.city is not an array; remove [0]"),
        (row("event", "tags[1001]"), "_acme.mixpanel.tags[1001] has a position above 1000"),
        (row("properties.a", "items[*].sku"), "it fills every item of _acme.mixpanel.items, but no mapping creates items; map an array with [*], or write _acme.mixpanel.items[0]"),
        (row("properties.a[*].b[*]", "tags"), "the source has 2 [*] and the destination 0; use the same number in both, or none in the source to fill every item"),
        (row("properties.a[x]", "city"), "path 'properties.a[x]' has no [0] or [*] at position 13; write a name with a bracket as ${...}"),
        (row("event", "_id"), "_id is built by the pipeline; remove this mapping"),
        (row("event", "_id.x"), "_id is built by the pipeline; remove this mapping"),
        ({**row("event", "x"), "destination": "timestamp"}, "timestamp is built by the pipeline; remove this mapping"),
        ({**row("event", "x"), "destination": "identityMap"}, "identityMap is built by the pipeline; remove this mapping"),
        ({**row("1 + 1", "city"), "sourceType": "FORMULA"}, "sourceType FORMULA is not supported; write ATTRIBUTE, EXPRESSION or STATIC"),
        (formula("uper(event)", "city"), "the function uper does not exist; nearest is upper"),
        (formula("event.lower()", "city"), "lower is not a method; write lower(value, …)"),
        (formula("ua_os_name(event)", "city"),
         "the function ua_os_name is not supported: it needs the rules of a user agent database; Mixpanel's $browser, $os and $device hold the same information"),
        (formula("substr(event, 1)", "city"), "substr takes 3 arguments, not 2: substr(INPUT, START_INDEX, LENGTH)"),
        (formula("event(", "city"), "a value is expected at its end"),
        (formula("upper(event", "city"), "expected ')' but found its end"),
        (formula("upper(city)", "city"), "source 'city' must be event, properties.<name> or data.<name>; write properties.city, or 'city' for a text"),
        (formula("upper([1])", "city"), "argument 1 of upper, INPUT, has to be a string, not of type array"),
        (formula("true", "tags"), "_acme.mixpanel.tags is of type array, but the expression is of type boolean"),
        (formula("now()", "quantity"), "_acme.mixpanel.quantity is of type int, but the expression is of type date"),
        (formula("upper(event)", "items[*].sku"), "it fills every item of _acme.mixpanel.items, but no mapping creates items; map an array with [*], or write _acme.mixpanel.items[0]"),
        (formula("1" * 5000, "quantity"), "it has 5000 characters; Data Prep accepts at most 4096"),
        ({**row("event", "city"), "identity": "ECID"}, "it marks an identity (ECID); write identities: {property: ECID} in the pipeline file"),
        ({"source": "event"}, "it needs a source and a destination"),
        ({"destination": "eventType"}, "it needs a source and a destination"),
        ({"source": "event", "destination": 5}, "it needs a source and a destination"),
        (row("distinct_id", "city"), "source 'distinct_id' must be event, properties.<name> or data.<name>; write properties.distinct_id"),
        (row("event.name", "city"), "source 'event.name' must be event, properties.<name> or data.<name>"),
        (row("properties..x", "city"), "path 'properties..x' has an empty name at position 12"),
        (row("properties.", "city"), "path 'properties.' has an empty name at position 12"),
        (row("properties.${}", "city"), "path 'properties.${}' has an empty name at position 12"),
        (row("", "city"), "path '' has an empty name at position 1"),
        (row("properties.${a}b", "city"), "path 'properties.${a}b' lacks a dot at position 16"),
        ({**row("event", "x"), "destination": ""}, "path '' has an empty name at position 1"),
        (row("event", "unmapped"), "_acme.mixpanel.unmapped is filled by unmapped: keep; remove this mapping"),
        ({**row("x", "quantity"), "sourceType": "STATIC"}, "'x' is not a valid value for _acme.mixpanel.quantity, which is of type int"),
        ({**row("x", "tags"), "sourceType": "STATIC"}, "_acme.mixpanel.tags is an array; write _acme.mixpanel.tags[*] for an array of one value"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_invalid_row_is_named(fault: dict[str, Any], sentence: str) -> None:
    assert (
        faults(row("event", "eventType"), fault)
        == f"Mapping shop.json does not fit schema 'Events': mapping 2: {sentence}."
    )


def test_all_errors_are_reported_together() -> None:
    reported = faults(
        row("event", "brwser"), row("event", "city"), row("x", "os"), row("properties.y", "city")
    )
    assert [part.split(":")[0] for part in reported.split("mapping ")[1:]] == [
        "1",
        "3",
        "4",
        "2 already fills _acme.mixpanel.city.",
    ]


def test_destinations_that_differ_only_in_case_are_two_fields() -> None:
    """Adobe's own place context has both POIID and poiID."""
    rows = [row("event", "city"), row("properties.y", "City")]
    bound = bind("x", rows, schema(city=STRING, City=STRING), keep_unmapped=True)
    assert [m.destination[-1] for m in bound.mappings] == ["city", "City"]


def test_a_destination_inside_another_one_is_refused() -> None:
    reported = faults(formula("to_object('city', 'x')", "place"), row("properties.a", "place.city"))
    assert "mapping 2: _acme.mixpanel.place.city is inside the destination of mapping 1" in reported
    reported = faults(row("properties.tags", "tags"), row("properties.a", "tags[0]"))
    assert "mapping 2: it is inside the destination of mapping 1" in reported


def test_a_required_field_without_a_mapping_is_missing() -> None:
    """Fields that the pipeline builds count as filled, and an object without mappings may be missing."""
    inner = object_of(("street",), street=STRING, zip=STRING)
    xdm = schema(("city",), city=STRING, home=inner, work=inner)
    reported = faults(row("properties.zip", "home.zip"), xdm=xdm)
    wanted = [
        f"no mapping fills _acme.mixpanel.{name}, which the schema requires"
        for name in ("city", "home.street")
    ]
    assert [part.split(";")[0] for part in reported.split(": ", 1)[1].split("to it; ")] == wanted
    filled = [row("properties.city", "city"), row("properties.home", "home")]
    assert bind("x", filled, xdm, keep_unmapped=True)


def test_a_copied_object_does_not_replace_the_unmapped_properties() -> None:
    copied = [{**row("properties.all", "x"), "destination": f"{TENANT}.mixpanel"}]
    for keep in (True, False):
        filled = {m.field.dotted for m in bind("x", copied, XDM, keep_unmapped=keep).mappings}
        assert (f"{TENANT}.mixpanel.unmapped" in filled) is not keep
        assert f"{TENANT}.mixpanel.place.city" in filled


def test_unmapped_keep_needs_a_field() -> None:
    from tests.support.builders import document

    body = document()
    del body["properties"][TENANT]["properties"]["mixpanel"]["properties"]["unmapped"]
    assert "unmapped: keep needs a string field _acme.mixpanel.unmapped" in faults(xdm=XdmSchema(body))


def test_the_tenant_may_be_written_as_in_adobes_documentation() -> None:
    written, named = (
        bind("x", [{"source": "event", "destination": f"{tenant}.mixpanel.city"}], XDM, keep_unmapped=False)
        for tenant in ("_{TENANT_ID}", TENANT)
    )
    assert written.mappings == named.mappings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event", (("event",),)),
        ("properties.$browser", (("properties", "$browser"),)),
        ("properties.event", (("properties", "event"),)),
        # Adobe's Mixpanel tutorial drops the $ of a property and calls the event event_name.
        ("data.browser", (("properties", "browser"), ("properties", "$browser"))),
        ("data.event_name", (("event",), ("properties", "event_name"))),
        ("data.place.city", (("properties", "place", "city"), ("properties", "$place", "city"))),
        (r"properties.user\.plan", (("properties", "user.plan"),)),
        ("${properties.user.plan}", (("properties", "user", "plan"),)),
        ("properties.list[2].x", (("properties", "list", 2, "x"),)),
        ("properties.${list[2]}", (("properties", "list[2]"),)),
        ("properties.${user.plan}", (("properties", "user.plan"),)),
        ("properties.${Total (€)}.x", (("properties", "Total (€)", "x"),)),
        ("properties.Call To Action\n", (("properties", "Call To Action\n"),)),
        (r"properties.back\\slash", (("properties", "back\\slash"),)),
    ],
)
def test_the_places_where_a_source_is_found(text: str, expected: tuple[tuple[str, ...], ...]) -> None:
    assert sources(text) == expected


@pytest.mark.parametrize(
    ("source", "kind", "good"),
    [("5", INT, True), (5, INT, True), (2**31, INT, False), ("1.5", INT, False), ("1.5", NUMBER, True), ("nan", NUMBER, False),
     (True, BOOLEAN, True), ("maybe", BOOLEAN, False), ("2026-07-01", DATE, True), ("1 July", DATE, False),
     ("2026-07-01T00:00:00Z", DATE_TIME, True), ("mixpanel", STRING, True)],
)  # fmt: skip
def test_a_constant_must_be_a_value_of_its_field(source: Any, kind: dict[str, Any], good: bool) -> None:
    constant = {**row(source, "it"), "sourceType": "STATIC"}
    if good:
        assert bind("x", [constant], schema(it=kind), keep_unmapped=True).mappings[0].constant == str(
            source
        ).replace("True", "true")
    else:
        assert f"mapping 1: {source!r} is not a valid value for _acme.mixpanel.it" in faults(
            constant, xdm=schema(it=kind)
        )


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_any_name_can_be_written_with_a_backslash_before_each_dot(names: list[str]) -> None:
    escaped = (re.sub(r"([\\.\[])", r"\\\1", name) for name in names)
    quoted = (name.replace("${", "\\${") if name.startswith("${") else name for name in escaped)
    assert parse_path(".".join(quoted)) == tuple(names)


@given(st.lists(st.text(st.characters(exclude_characters="}\\"), min_size=1), min_size=1, max_size=4))
def test_any_name_without_a_brace_can_be_written_in_braces(names: list[str]) -> None:
    wrapped = (f"${{{name}}}" for name in names)
    assert parse_path(".".join(["properties", *wrapped])) == ("properties", *names)


@given(st.text())
def test_any_text_is_a_path_or_an_error(text: str) -> None:
    try:
        assert all(parse_path(text))
    except ValueError as fault:
        assert str(fault).startswith("path ")


def test_a_mapping_set_changes_when_a_row_does() -> None:
    rows = [row("event", "city")]
    digests = {
        bind("x", listed, XDM, keep_unmapped=keep).digest
        for listed in (rows, [row("event", "browser")], [])
        for keep in (True, False)
    }
    assert len(digests) == 6
    assert bind("y", rows, XDM, keep_unmapped=True).digest in digests


def test_a_property_mapped_in_parts_is_not_mapped_whole() -> None:
    """shipping.address.city is mapped; the rest of shipping must stay in the unmapped JSON."""
    listed = [row("properties.shipping.address.city", "city"), row("properties.$os", "os")]
    assert bind("x", listed, XDM, keep_unmapped=True).whole_properties == {"$os"}


SAME_TIME = [
    row("data.time", "x"),
    row("properties.time", "x"),
    formula("data.time * 1000", "x"),
    formula("date(1000 * properties.time)", "x"),
    formula("dformat(data.time*1000, \"yyyy-MM-dd'T'HH:mm:ss.SSSX\")", "x"),
]


SAME_ID = (
    "sha256(concat(data.event_name, '|', data.distinct_id, '|', data.time, '|', data.insert_id), 'UTF-8')"
)


RULES = GeneratedFieldRules({"$user_id": "CRMID"})


@pytest.mark.parametrize("mapping", SAME_TIME)
def test_a_timestamp_of_adobes_source_equal_to_the_events_time_is_accepted(mapping: dict[str, Any]) -> None:
    rows = [{**mapping, "destination": "timestamp"}, {**formula(SAME_ID, "x"), "destination": "_id"}]
    bound = bind("x", [*rows, row("event", "city")], XDM, keep_unmapped=False, built=RULES)
    assert [(m.number, m.destination[-1]) for m in bound.mappings] == [(3, "city")]


@pytest.mark.parametrize(
    ("destination", "mapping", "difference"),
    [
        ("timestamp", formula("date(data.time)", "x"), "it reads time as milliseconds, but Mixpanel's time is in seconds"),
        ("timestamp", row("data.mp_processing_time_ms", "x"), "it is computed from mp_processing_time_ms; the pipeline uses the event's time"),
        ("timestamp", formula("now()", "x"), "it is computed from constants; the pipeline uses the event's time"),
        ("timestamp", formula("dformat(data.time*1000, 'yyyy-MM-dd')", "x"), "it is not the event's full time"),
        ("timestamp", {**row("2026-01-01", "x"), "sourceType": "STATIC"}, "it gives every event the same timestamp"),
        ("_id", row("data.insert_id", "x"), "it leaves out distinct_id, event, time, so two events can have the same _id"),
        ("_id", formula("uuid()", "x"), "it is random, so a reload would give the same event another _id"),
        ("_id", formula("concat(event, data.distinct_id, data.time, data.insert_id)", "x"), "it calls no hash function"),
        ("_id", formula("md5(properties.order)", "x"), "it is computed from order; the pipeline computes it from distinct_id, event, insert_id, time and"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_row_that_differs_from_what_the_pipeline_builds_is_refused_with_the_difference(
    destination: str, mapping: dict[str, Any], difference: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(difference)):
        bind("x", [{**mapping, "destination": destination}], XDM, keep_unmapped=False, built=RULES)


def test_a_utc_timestamp_in_a_project_of_wall_clocks_is_refused() -> None:
    rules = GeneratedFieldRules({}, wall_clock=True)
    with pytest.raises(ConfigError, match="it is a wall-clock time of the project's time zone"):
        bind("x", [{**SAME_TIME[2], "destination": "timestamp"}], XDM, keep_unmapped=False, built=rules)
    bind("x", [{**SAME_TIME[0], "destination": "timestamp"}], XDM, keep_unmapped=False, built=rules)


def test_an_identity_row_equal_to_the_pipeline_file_is_accepted() -> None:
    def bound(source: str, code: str) -> int:
        rows = [{**row(source, "city"), "identity": code}]
        return len(bind("x", rows, XDM, keep_unmapped=False, built=RULES).mappings)

    assert (bound("data.user_id", "CRMID"), bound("properties.$user_id", "")) == (1, 1)
    with pytest.raises(
        ConfigError, match=r"it marks \$user_id as identity ECID, but the pipeline file marks it as CRMID"
    ):
        bound("data.user_id", "ECID")
    with pytest.raises(ConfigError, match=r"write identities: \{\$email: Email\}"):
        bound("data.email", "Email")
