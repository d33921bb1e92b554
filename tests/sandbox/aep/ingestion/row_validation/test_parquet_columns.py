"""The check of Parquet's columns accepts only rows that the row check accepts, and nearly all of those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixpanel_aep_sandbox.aep.ingestion.processing.available_dates import TimeRange
from mixpanel_aep_sandbox.aep.ingestion.row_validation.checker import RowChecker
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_files import Unreadable
from mixpanel_aep_sandbox.aep.ingestion.row_validation.parquet_files import parquet_ids_or_rows, parquet_rows
from mixpanel_aep_sandbox.aep.ingestion.row_validation.rules import RowRules
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from tests.sandbox.aep.ingestion.row_validation.test_constraints import BAD, GOOD
from tests.sandbox.aep.ingestion.row_validation.test_json_fast import NOW_MS, SCHEMA

pytestmark = pytest.mark.sandbox
CHECKER = RowChecker(RowRules(SCHEMA), IngestSettings(), nulls=True, now_ms=NOW_MS)
MOMENT = pa.timestamp("ms", tz="UTC")
IDENTITIES = pa.map_(pa.string(), pa.list_(pa.struct([("id", pa.string()), ("primary", pa.bool_())])))
TEXTS = st.none() | st.sampled_from(["", "a", "free", "paid", "AB", "ABC", "5", "1.5", "x y"])
LISTS = st.none() | st.lists(TEXTS, max_size=3)
TENANT: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "plan": (pa.string(), TEXTS),
    "code": (pa.string(), TEXTS),
    "count": (pa.int64(), st.none() | st.integers(-(2**63), 2**63 - 1)),
    "small": (pa.int64(), st.none() | st.integers(-(2**62), 2**62) | st.integers(-5, 5)),
    "price": (pa.float64(), st.none() | st.floats()),
    "seen": (pa.int64(), st.none() | st.integers(-(2**62), 2**62) | st.integers(0, 10**12)),
    "tags": (pa.list_(pa.string()), LISTS),
    "several": (pa.list_(pa.string()), LISTS),
    "few": (pa.list_(pa.string()), LISTS),
    "distinct": (pa.list_(pa.string()), LISTS),
    "labels": (
        pa.map_(pa.string(), pa.string()),
        st.none() | st.dictionaries(st.sampled_from("kl"), TEXTS).map(lambda pairs: list(pairs.items())),
    ),
    "place": (
        pa.struct([("city", pa.string()), ("zip", pa.string())]),
        st.none() | st.fixed_dictionaries({"city": TEXTS, "zip": TEXTS}),
    ),
    "deep": (
        pa.struct(
            [
                ("must", pa.string()),
                ("inner", pa.struct([("deep", pa.string()), ("other", pa.string())])),
                ("list", pa.list_(pa.struct([("key", pa.string()), ("other", pa.string())]))),
            ]
        ),
        st.none()
        | st.fixed_dictionaries(
            {
                "must": TEXTS,
                "inner": st.none() | st.fixed_dictionaries({"deep": TEXTS, "other": TEXTS}),
                "list": st.none()
                | st.lists(st.none() | st.fixed_dictionaries({"key": TEXTS, "other": TEXTS}), max_size=2),
            }
        ),
    ),
}
KEYS = st.just("a") | TEXTS
STAMPS = st.just(NOW_MS) | st.none() | st.integers(-(2**62), 2**62)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Generate a few rows of some of the fields."""
    names = draw(st.lists(st.sampled_from(sorted(TENANT)), min_size=1, max_size=4, unique=True))
    fields = st.fixed_dictionaries({name: TENANT[name][1] for name in names})
    row = st.fixed_dictionaries({"_id": KEYS, "timestamp": STAMPS, "_acmesandbox": st.none() | fields})
    kinds = {"_acmesandbox": pa.struct([(name, TENANT[name][0]) for name in names])}
    schema = pa.schema([("_id", pa.string()), ("timestamp", pa.int64()), *kinds.items()])
    return pa.Table.from_pylist(draw(st.lists(row, min_size=1, max_size=8)), schema=schema)


def looked_at(path: Path, table: pa.Table) -> list[str | dict[str, Any]]:
    pq.write_table(table, path, row_group_size=5)
    return list(parquet_ids_or_rows(path, RowRules(SCHEMA), CHECKER, TimeRange()))


def column(name: str, value: Any) -> pa.Table:
    """Return one complete row with one tenant field."""
    table = pa.Table.from_pylist([{"_id": "a", "_acmesandbox": {name: value}}])
    return table.append_column("timestamp", pa.array([NOW_MS]).cast(MOMENT))


@given(tables())
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_row_accepted_by_its_columns_is_a_good_row(tmp_path: Path, table: pa.Table) -> None:
    path = tmp_path / "rows.parquet"
    for seen, plain in zip(looked_at(path, table), parquet_rows(path, SCHEMA), strict=True):
        if isinstance(seen, str):
            assert CHECKER.check_row(plain)[1] == []
            assert seen == plain["_id"]


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_good_rows_are_accepted_by_their_columns(tmp_path: Path, name: str, value: Any) -> None:
    (seen,) = looked_at(tmp_path / "rows.parquet", column(name, value))
    assert seen == "a" or name == "distinct"  # Items that must differ are checked individually.


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, value, _ in BAD])
def test_no_bad_row_is_accepted(tmp_path: Path, name: str, value: Any) -> None:
    (seen,) = looked_at(tmp_path / "rows.parquet", column(name, value))
    assert isinstance(seen, dict)


def test_identities_are_accepted_by_their_columns(tmp_path: Path) -> None:
    maps = [
        [("Email", [{"id": "a", "primary": True}])],
        [("Email", [{"id": "a", "primary": None}]), ("Phone", [{"id": "b", "primary": False}])],
        [("Email", [{"id": "", "primary": True}])],
        [("Email", [])],
        None,
    ]
    table = column("plain", "x").take([0] * 5)
    table = table.append_column("identityMap", pa.array(maps, IDENTITIES))
    seen = looked_at(tmp_path / "rows.parquet", table)
    assert [isinstance(row, str) for row in seen] == [True, True, False, False, True]


def test_a_map_with_a_duplicate_key_makes_the_file_invalid(tmp_path: Path) -> None:
    maps = [[("a", "x"), ("b", "x")], None, [("a", "x"), ("b", "x"), ("a", "y")]]
    struct = pa.StructArray.from_arrays([pa.array(maps, pa.map_(pa.string(), pa.string()))], ["labels"])
    table = column("plain", "x").take([0] * 3)
    table = table.set_column(table.schema.get_field_index("_acmesandbox"), "_acmesandbox", struct)
    with pytest.raises(Unreadable, match="twice"):
        looked_at(tmp_path / "rows.parquet", table)
    with pytest.raises(Unreadable, match="twice"):
        list(parquet_rows(tmp_path / "rows.parquet", SCHEMA))
