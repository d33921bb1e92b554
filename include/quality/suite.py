"""Runs the derived expectations over a chunk of rows: all of them in one Great Expectations suite run."""

from __future__ import annotations

import logging
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from include.errors import Terminal
from include.quality.constraints import NESTED, Reason
from include.quality.derive import EVENT_BYTES, PRESENT, ExpectationSpec

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# At INFO it tells two hundred lines of its own before the sentence that a red task's log begins with.
logging.getLogger("great_expectations").setLevel(logging.WARNING)
# This one sets its own level when it is imported, which a filter outlives.
logging.getLogger("great_expectations.data_context.types.base").addFilter(
    lambda record: record.levelno >= logging.WARNING
)


class ValidationBroken(Terminal):
    """An expectation could not be checked; that is never taken for "all rows are fine"."""


@dataclass(frozen=True)
class ChunkVerdict:
    """For each refused row of a chunk (by position) why; and how many rows were only warned about, by reason."""

    refused: dict[int, list[Reason]]
    warned: Counter[Reason] = field(default_factory=Counter)


@cache
def _chunk() -> Any:
    """Where Great Expectations finds a data frame that it is given: the same place for every suite of a process."""
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("partition")
    return source.add_dataframe_asset("chunk").add_batch_definition_whole_dataframe("rows")


class SuiteRunner:
    """A suite, built once and run for every chunk of a partition."""

    def __init__(self, specs: list[ExpectationSpec]) -> None:
        import great_expectations as gx

        self.specs = specs
        # Not added to the context, which would write it anew for every expectation, and read it back as text.
        expectations = [_expectation(spec, number) for number, spec in enumerate(specs)]
        self._suite = gx.ExpectationSuite(name="xdm", expectations=expectations)

    def run(self, table: pa.Table) -> ChunkVerdict:
        """Checks the rows of an Arrow table in the schema's shape.

        Raises:
            ValidationBroken: an expectation raised.
        """
        frame = flatten(table, self.specs)
        with warnings.catch_warnings():
            # pandas tells of every pattern with groups that it could extract them.
            warnings.filterwarnings("ignore", "This pattern is interpreted", UserWarning)
            result = (
                _chunk()
                .get_batch(batch_parameters={"dataframe": frame})
                .validate(
                    self._suite,
                    result_format={"result_format": "COMPLETE", "exclude_unexpected_values": True},
                )
            )
        refused: dict[int, list[Reason]] = defaultdict(list)
        warned: Counter[Reason] = Counter()
        for outcome in result.results:
            spec = self.specs[outcome.expectation_config.meta["spec"]]
            if _raised(outcome.exception_info):
                raise _broken(spec)
            failing = [] if outcome.success else [int(row) for row in outcome.result["unexpected_index_list"]]
            if spec.severity == "warning":
                warned[spec.reason] += len(failing)
                continue
            for row in failing:
                refused[row] += _reasons(spec, frame, row)
        return ChunkVerdict(dict(refused), +warned)


def _reasons(spec: ExpectationSpec, frame: pd.DataFrame, row: int) -> list[Reason]:
    """Why a row fails an expectation: of an array or a map, what inside it does."""
    if spec.constraint != "nested":
        return [spec.reason]
    from include.quality.nested import inside

    return inside(spec.kwargs["nested_schema"], spec.name, frame[spec.column].iloc[row]) or [spec.reason]


def _broken(spec: ExpectationSpec) -> ValidationBroken:
    return ValidationBroken(
        f"The expectation {spec.constraint!r} of field {spec.column!r} could not be checked.",
        "The schema asks something of this field that its type cannot have; correct the field group.",
    )


def _raised(info: Any) -> bool:
    """Whether GX caught an exception; it tells so at the top or, for a metric, one level down under the metric's id."""
    if not isinstance(info, dict):
        return False
    return any(
        part.get("raised_exception", False) for part in (info, *info.values()) if isinstance(part, dict)
    )


def _expectation(spec: ExpectationSpec, number: int) -> Any:
    import great_expectations.expectations as gxe

    if spec.gx_type == NESTED:
        from include.quality.nested import ExpectColumnValuesToMatchNestedSchema

        factory: Any = ExpectColumnValuesToMatchNestedSchema
    else:
        factory = getattr(gxe, spec.gx_type)
    try:
        return factory(column=spec.column, meta={"spec": number}, severity=spec.severity, **spec.kwargs)
    except ValueError:  # a limit that is none
        raise _broken(spec) from None


def flatten(table: pa.Table, specs: list[ExpectationSpec]) -> pd.DataFrame:
    """The columns that ``specs`` name, by dotted path; arrays and maps as JSON text.

    Helper columns are made: ``a.b?`` for a field that is required inside an object (true where that object is absent
    or the field is there), ``#bytes`` for the size of the row as JSON.
    """
    import pandas as pd

    wanted = {spec.column for spec in specs}
    nested = {spec.column for spec in specs if spec.gx_type == NESTED}
    columns: dict[str, Any] = {}
    for name in sorted(wanted):
        if name == EVENT_BYTES:
            columns[name] = pd.Series(_row_bytes(table), dtype="int64")
            continue
        column, parent_valid = _reach(table, name.removesuffix(PRESENT).split("."))
        if name.endswith(PRESENT):
            columns[name] = _there(table, column, parent_valid)
        elif column is None:
            columns[name] = pd.Series([None] * table.num_rows, dtype=object)
        elif name in nested:
            columns[name] = pd.Series(_json_texts(column), dtype=object)
        else:
            columns[name] = _series(column)
    return pd.DataFrame(columns)


def _series(column: Any) -> Any:
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        return column.to_pandas()
    return pd.Series(column.to_pandas(types_mapper=pd.ArrowDtype))


def _reach(table: pa.Table, path: list[str]) -> tuple[Any, Any]:
    """The column at a path of struct fields, null where any struct around it is, and its parent's validity."""
    import pyarrow.compute as pc

    if path[0] not in table.column_names:
        return None, None
    column, valid = table[path[0]], None
    for name in path[1:]:
        valid = pc.is_valid(column)
        if column.type.get_field_index(name) < 0:
            return None, valid
        column = pc.struct_field(column, name)
    return column, valid


def _there(table: pa.Table, column: Any, parent_valid: Any) -> Any:
    """Whether a required field is there, or the object that it is required in is not; the row itself always is."""
    import pandas as pd
    import pyarrow.compute as pc

    there = pc.is_valid(column).to_pandas() if column is not None else pd.Series([False] * table.num_rows)
    return there if parent_valid is None else there | ~parent_valid.to_pandas()


def _row_bytes(table: pa.Table) -> list[int]:
    import msgspec

    return [len(msgspec.json.encode(present(row))) for row in table.to_pylist(maps_as_pydicts="strict")]


def _json_texts(column: Any) -> list[str | None]:
    import msgspec

    return [
        None if value is None else msgspec.json.encode(present(value)).decode()
        for value in column.to_pylist(maps_as_pydicts="strict")
    ]


def present(value: Any) -> Any:
    """A row value without its nulls: for AEP null is not absent, so absent it must be."""
    if isinstance(value, dict):
        return {key: present(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [present(inner) for inner in value if inner is not None]
    return value
