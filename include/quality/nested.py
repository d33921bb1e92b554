"""A Great Expectations expectation for arrays and maps: their JSON against a compiled JSON Schema.

GX's own ``expect_column_values_to_match_json_schema`` takes 1.5 ms a row; jsonschema-rs a few microseconds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

import jsonschema_rs
import msgspec
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics import ColumnMapMetricProvider, column_condition_partial


def _refuse(uri: str) -> Any:
    raise ValueError(f"a schema refers to {uri!r}; no reference is ever followed")


@lru_cache(maxsize=256)
def _validator(nested_schema: str) -> Any:
    # Without a retriever of ours, jsonschema-rs fetches what a schema refers to from the network and from disk.
    return jsonschema_rs.validator_for(nested_schema, validate_formats=True, retriever=_refuse)


class ColumnValuesMatchNestedSchema(ColumnMapMetricProvider):
    """True for each JSON text that fits ``nested_schema``."""

    condition_metric_name = "column_values.match_nested_schema"
    condition_value_keys = ("nested_schema",)

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[misc, untyped-decorator]
    def _pandas(cls, column: Any, nested_schema: str, **_: Any) -> Any:
        validator, decode = _validator(nested_schema), msgspec.json.decode
        return column.map(lambda text: validator.is_valid(decode(text)))


class ExpectColumnValuesToMatchNestedSchema(ColumnMapExpectation):
    """Expects JSON texts that fit a JSON Schema."""

    nested_schema: str

    map_metric = "column_values.match_nested_schema"
    success_keys = ("nested_schema", "mostly")
    args_keys = ("column", "nested_schema")
    library_metadata: ClassVar[dict[str, Any]] = {"maturity": "production", "tags": [], "contributors": []}
