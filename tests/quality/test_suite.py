"""Validation: each constraint of the schema detects the row that violates it; an impossible check is red."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from include.quality.aep_json import PROFILE_EVENT_BYTES
from include.quality.constraints import CONSTRAINTS
from include.quality.derive_expectations import derive_expectations
from include.quality.expectation_spec import ExpectationSpec
from include.xdm.schema.xdm_schema import ProfileUse
from tests.support.broken_rows import (
    COLUMNS,
    FIELDS,
    GOOD,
    NOON,
    RULES,
    refused,
    suite,
    table,
)
from tests.support.builders import (
    LATER,
    TENANT,
    instants,
    row_rules,
    schema,
)
from tests.support.validate_tables import Verdict, verdict

pytestmark = pytest.mark.unit
BAD: dict[str, Any] = {
    "enum": "A", "pattern": "NOK\n", "letters": "Æø", "ahead": "xbb", "minLength": "æ", "maxLength": "æøå", "minimum": 0,
    "maximum": 1.0000001, "exclusiveMinimum": 0.0, "exclusiveMaximum": 10, "whole": 3, "day": date(2026, 7, 3),
    "moment": NOON + timedelta(milliseconds=1), "tags": ["x", "z"], "few": ["a", "b"], "many": ["a"], "unique": ["a", "a"],
    "prices": {"a": -1}, "names": {"a": "b", "c": "d"}, "items": [{"sku": "A"}, {"sku": None}], "sites": ["no site"],
    "place": {"city": None, "zip": "1"}, "const": "b", "multipleOf": 0.35, "one": "ab", "any": 3, "all": "a", "not": "none",
    "gaps": ["a", None], "holds": ["y"], "least": {"a": "1"}, "keys": {"A": "A"}, "typed": {"n_a": "x"}, "pairs": {"a": "1"},
    "properties": [{"items": [{"properties": 1.0}, {"properties": -1.0}]}], "box": {"a": "1", "b": "2"},
}  # fmt: skip


REASON = {
    "letters": ("letters", "pattern"), "ahead": ("ahead", "pattern"), "whole": ("whole", "enum"), "day": ("day", "enum"),
    "moment": ("moment", "enum"), "tags": ("tags.*", "enum"), "few": ("few", "maxItems"), "many": ("many", "minItems"),
    "unique": ("unique", "uniqueItems"), "prices": ("prices.*", "minimum"), "names": ("names", "maxProperties"),
    "items": ("items.*.sku", "required"), "sites": ("sites.*", "format"), "place": ("place.city", "required_inside"),
    "one": ("one", "oneOf"), "any": ("any", "anyOf"), "all": ("all", "allOf"), "gaps": ("gaps.*", "type"),
    "holds": ("holds", "contains"), "least": ("least", "minProperties"), "keys": ("keys", "propertyNames"),
    "typed": ("typed", "patternProperties"), "pairs": ("pairs", "dependencies"),
    "properties": ("properties.*.items.*.properties", "minimum"), "box": ("box", "maxProperties"),
}  # fmt: skip
"""Field and constraint as quarantine tells them, where they are not both the name of the field here."""


def broken_rows() -> tuple[pa.Table, dict[int, list[tuple[str, str]]]]:
    """Yield a good row, then one for each constraint that violates only this one, with its name."""
    names = list(FIELDS)
    special = {
        "in_the_past": {"times": LATER + timedelta(seconds=1)}, "before the day": {"times": RULES.first - timedelta(milliseconds=1)},
        "after the day": {"times": RULES.latest}, "id": {"ids": None}, "identity": {"identities": None},
        "size": {"identities": [("Email", [{"id": "x" * PROFILE_EVENT_BYTES}])]},
    }  # fmt: skip
    rows = [GOOD, *({**GOOD, name: BAD[name]} for name in names), *[GOOD] * len(special)]
    first = len(names) + 1
    columns: dict[str, list[Any]] = {
        "ids": [f"{n:064x}" for n in range(len(rows))],
        "times": instants(len(rows)),
        "identities": [[("Email", [{"id": "1"}])]] * len(rows),
    }
    for n, change in enumerate(special.values(), first):
        for column, value in change.items():
            columns[column][n] = value
    expected = {n: [REASON.get(name, (name, name))] for n, name in enumerate(names, 1)}
    reported = [
        [("timestamp", "in_the_past"), ("timestamp", "in_the_partition")], [("timestamp", "in_the_partition")],
        [("timestamp", "in_the_partition")], [("_id", "required")], [("identityMap", "identity")], [("the event", "event_size")],
    ]  # fmt: skip
    return table(rows, **columns), expected | dict(enumerate(reported, first))


def test_each_violation_is_found_by_its_own_expectation_and_no_other() -> None:
    rows, expected = broken_rows()
    assert refused(suite(), rows) == expected


def catches(spec: ExpectationSpec, field: str, constraint: str) -> bool:
    """Return whether a quarantine reason comes from this expectation."""
    return (spec.name.removeprefix(f"{TENANT}.mixpanel."), spec.constraint) == (field, constraint)


@pytest.mark.parametrize("part", range(2))
def test_without_its_expectation_an_invalid_row_passes(part: int) -> None:
    """A mutation test: each expectation is removed once, and the row that only it detects passes."""
    rows, expected = broken_rows()
    alone = {row: why[0] for row, why in expected.items() if len(why) == 1 and row % 2 == part}
    left = [spec for spec in suite() if not any(catches(spec, *why) for why in alone.values())]
    assert len(suite()) - len(left) == len(set(alone.values()))
    still = refused(left, rows)
    assert not still.keys() & alone.keys()
    of_time = {row for row, why in expected.items() if why[0][0] == "timestamp"}
    assert still.keys() | alone.keys() | of_time == expected.keys()


def without_primary() -> dict[int, list[tuple[str, str]]]:
    """Return the refused rows where the last two have an identity, but not in the schema's primary identity field."""
    use = ProfileUse((TENANT, "mixpanel", "enum"), "CRMID")
    specs = derive_expectations(schema(**FIELDS).for_profile(use), COLUMNS, row_rules())
    there = [("Email", [{"id": "1"}])]
    return refused(specs, table([GOOD, {**GOOD, "enum": None}, None], identities=[None, there, there]))


def test_a_profile_dataset_requires_only_the_schemas_primary_identity() -> None:
    assert without_primary() == {row: [("enum", "primary_identity")] for row in (1, 2)}


def test_every_constraint_of_the_table_has_a_row_that_it_detects() -> None:
    """Those of a whole partition have separate tests."""
    rows, _ = broken_rows()
    caught = {constraint for why in refused(suite(), rows).values() for _, constraint in why}
    caught |= {constraint for why in without_primary().values() for _, constraint in why}
    missing = {name for name, c in CONSTRAINTS.items() if c.scope == "row"} - caught
    assert missing == set()


def test_a_warning_is_counted_and_its_rows_are_kept() -> None:
    rows = table([GOOD, GOOD], identities=[None, [("Email", [{"id": "1"}])]])
    found = verdict(derive_expectations(schema(**FIELDS), COLUMNS, row_rules()), rows)
    assert found.refused == {}
    assert {reason.constraint: count for reason, count in found.warned.items()} == {"identity": 1}


def test_the_pipeline_may_choose_another_severity() -> None:
    rules = row_rules(severity={"identity": "critical", "in_the_partition": "warning"})
    rows = table([GOOD, GOOD], times=[instants(1)[0], RULES.latest], identities=[None, None])
    found = verdict(derive_expectations(schema(**FIELDS), COLUMNS, rules), rows)
    assert {row: [reason.constraint for reason in why] for row, why in found.refused.items()} == {
        0: ["identity"], 1: ["identity"],
    }  # fmt: skip
    assert {reason.constraint for reason in found.warned} == {"in_the_partition"}


def test_all_violations_of_a_row_are_reported() -> None:
    found = refused(suite(), table([GOOD, {**GOOD, **BAD}]))
    assert list(found) == [1]
    assert len(found[1]) == len(FIELDS)


def test_missing_values_have_no_expectations() -> None:
    assert refused(suite(), table([{}, None, dict.fromkeys(GOOD), {"place": None, "minimum": 5}])) == {}


def test_the_size_of_chunks_does_not_matter() -> None:
    rows, expected = broken_rows()
    reasons = verdict(suite(), rows)
    assert reasons.refused.keys() == expected.keys()
    assert verdict(suite(), rows.slice(0, 0)) == Verdict()
    cut = [rows.slice(first, 11) for first in range(0, len(rows), 11)]
    assert verdict(suite(), *cut) == reasons
    assert verdict(suite(), table([GOOD])) == Verdict()


def test_rows_in_the_middle_of_a_larger_table_are_found() -> None:
    """Arrow's slices share their buffers: offsets, especially of lists and maps, begin elsewhere."""
    rows, _ = broken_rows()
    whole = verdict(suite(), rows).refused
    assert verdict(suite(), rows.slice(5, 20)).refused == {
        row - 5: why for row, why in whole.items() if 5 <= row < 25
    }


FORMAT_EXAMPLES = {
    "uri": (["https://a.example/x?y=1#z", "urn:x"], ["/relative", "not a uri", "", "https://a.example/?size[]=42", "https://a.example/\u00fc"]),
    "uri-reference": (["/relative", "a", "0af1", ""], ["a b", "a\nb", "<a>", "/a?size[]=42", "/off=50%"]),
    "email": (["a@b.example", "a@localhost"], ["a b@c.example", "@b.example", "a@b.example\n", "jane..doe@example.com"]),
    "hostname": (["a.example"], ["my_host", "-a"]),
    "duration": (["P1D"], ["1D"]),
    "json-pointer": (["/a"], ["a"]),
    "regex": (["^a$"], ["("]),
    "uuid": (["6C0A5E0D-9C0B-4E7E-8F57-0A2B8D1C4E55"], ["6C0A5E0D9C0B4E7E8F570A2B8D1C4E55", "x"]),
    "ipv4": (["192.168.0.1", "0.0.0.0", "255.255.255.255"], ["256.1.1.1", "1.2.3", "1.2.3.4.5", "1.2.3.4.", "a", "01.2.3.4"]),
    "ipv6": (["::1", "2001:db8::1", "::ffff:1.2.3.4"], ["1.2.3.4", "x::1", "1:2", "2001:db8::1::2"]),
}  # fmt: skip


def test_every_format_has_valid_and_invalid_examples() -> None:
    fields = {name.replace("-", "_"): {"type": "string", "format": name} for name in FORMAT_EXAMPLES}
    columns = {(TENANT, "mixpanel", name) for name in fields}
    rows, expected = [], {}
    for name, (good, bad) in FORMAT_EXAMPLES.items():
        for text in [*good, *bad]:
            if text in bad:
                expected[len(rows)] = [(name.replace("-", "_"), "format")]
            rows.append({name.replace("-", "_"): text})
    kind = pa.struct([(name, pa.string()) for name in fields])
    made = pa.table({
        "_id": [f"{n}" for n in range(len(rows))],
        "timestamp": pa.array(instants(len(rows)), pa.timestamp("us", "UTC")),
        TENANT: pa.StructArray.from_arrays([pa.array(rows, kind)], ["mixpanel"]),
    })  # fmt: skip
    assert refused(derive_expectations(schema(**fields), columns, row_rules()), made) == expected
