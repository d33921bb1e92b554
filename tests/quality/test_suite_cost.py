"""The cost of validation is linear in the number of expectations, and samples stay small."""

from __future__ import annotations

import subprocess
import sys
from time import process_time

import pyarrow as pa
import pytest

from include.quality import suite as suite_module
from include.quality.checks import merged_checks
from include.quality.derive_expectations import derive_expectations
from include.quality.expectation_spec import ExpectationSpec
from include.quality.leaf_columns import leaf_paths
from include.quality.suite import Screen
from include.quality.view import RowChunk
from tests.support.broken_rows import (
    one_text,
)
from tests.support.builders import (
    TENANT,
    row_rules,
    schema,
)
from tests.support.validate_tables import verdict

pytestmark = pytest.mark.unit


def test_the_librarys_own_messages_are_not_in_the_log() -> None:
    """The first line of a red task's log is the cause: nothing may precede it."""
    code = (
        "import logging, sys\n"
        "logging.basicConfig(level=logging.INFO, stream=sys.stdout)\n"
        "from include.quality import gx\n"
        "gx.load_great_expectations()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""


def wide(number: int) -> tuple[list[ExpectationSpec], pa.Table]:
    """Return a schema with so many different expectations, and rows that satisfy it."""
    names = [f"f{n}" for n in range(number)]
    fields = {
        name: {
            "type": "string",
            **({"enum": ["a", "b", name]}, {"pattern": f"^[a-z]{{1,{n + 1}}}$"}, {"maxLength": n + 1})[n % 3],
        }
        for n, name in enumerate(names)
    }
    texts = pa.array(["a", "b"] * 500)
    rows = one_text().take([0] * len(texts)).set_column(2, TENANT, pa.StructArray.from_arrays(
        [pa.StructArray.from_arrays([texts] * number, names)], ["mixpanel"]))  # fmt: skip
    return derive_expectations(schema(**fields), set(leaf_paths(rows.schema)), row_rules()), rows


def test_the_cost_is_linear_in_the_number_of_expectations() -> None:
    """Great Expectations copies the frame of a suite for each of its expectations: quadratic for one wide frame."""
    verdict(*wide(8))
    seconds = {}
    for number in (100, 400):
        specs, rows = wide(number)
        began = process_time()
        assert verdict(specs, rows).refused == {}
        seconds[number] = process_time() - began
    assert seconds[400] < 6 * seconds[100]


def test_one_check_represents_all_equivalent_expectations_of_a_column() -> None:
    node = {
        "type": "string",
        "minLength": 1,
        "maxLength": 9,
        "pattern": "^a",
        "format": "uri-reference",
        "enum": ["a"],
    }
    number = {"type": "number", "minimum": 1, "maximum": 3, "exclusiveMinimum": 0, "multipleOf": 1}
    empty = {"type": "integer", "minimum": 3, "maximum": 1}
    columns = {(TENANT, "mixpanel", name) for name in ("a", "b", "c")}
    specs = derive_expectations(schema(a=node, b=number, c=empty), columns, row_rules())
    by_name: dict[str, list[set[str]]] = {}
    for check in merged_checks(specs):
        by_name.setdefault(check.view.path[-1], []).append({specs[n].constraint for n in check.specs})
    assert {frozenset(those) for those in by_name["a"]} == {
        frozenset({"enum"}), frozenset({"minLength", "maxLength"}), frozenset({"pattern", "format"}),
    }  # fmt: skip
    assert {"minimum", "maximum"} in by_name["b"]
    assert by_name["c"] == [{"minimum"}, {"maximum"}], "GX refuses a range that is empty"


def test_the_same_check_of_many_columns_is_one_expectation_with_separate_results() -> None:
    node = {"type": "string", "pattern": "^[a-z]$"}
    names = [f"f{n}" for n in range(50)]
    columns = [pa.array(["a", "A" if n in (3, 40) else "b", "é" if n == 40 else None]) for n in range(50)]
    rows = one_text().take([0] * 3).set_column(2, TENANT, pa.StructArray.from_arrays(
        [pa.StructArray.from_arrays(columns, names)], ["mixpanel"]))  # fmt: skip
    specs = derive_expectations(
        schema(**dict.fromkeys(names, node)), set(leaf_paths(rows.schema)), row_rules()
    )
    found = {
        row: {reason.field.rpartition(".")[2] for reason in why}
        for row, why in verdict(specs, rows).refused.items()
    }
    assert found == {1: {"f3", "f40"}, 2: {"f40"}}
    chunk, screen = RowChunk(rows), Screen(specs)
    screen.add(chunk, screen.views)
    assert {specs[number].name.rpartition(".")[2] for number in screen.failed() if specs[number].severity == "critical"} == {
        "f3", "f40",
    }  # fmt: skip


def test_samples_are_judged_before_they_grow_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Return a schema of any width, whose columns hold distinct texts."""
    node = {"type": "string", "pattern": "^[a-z0-9]+$"}
    names = [f"f{n}" for n in range(20)]
    monkeypatch.setattr(suite_module, "_MAX_SAMPLES_BYTES", 100_000)
    monkeypatch.setattr(suite_module, "_SMALL_SAMPLE_BYTES", 100)
    sizes = []
    specs = derive_expectations(
        schema(**dict.fromkeys(names, node)), {(TENANT, "mixpanel", name) for name in names}, row_rules()
    )
    screen = Screen(specs)
    for first in range(0, 3000, 300):
        texts = pa.array([f"v{n}" for n in range(first, first + 300)])
        odd = pa.array(["V" if first == 1200 else "v"] * 300)
        fields = pa.StructArray.from_arrays([odd if name == "f9" else texts for name in names], names)
        rows = (
            one_text()
            .take([0] * 300)
            .set_column(2, TENANT, pa.StructArray.from_arrays([fields], ["mixpanel"]))
        )
        screen.add(RowChunk(rows), screen.views)
        sizes.append(sum(sample.size_bytes for _, sample in screen._open))
    assert max(sizes) <= 100_000
    failed = {
        specs[number].name.rpartition(".")[2]
        for number in screen.failed()
        if specs[number].severity == "critical"
    }
    assert failed == {"f9"}
