"""Mapping of rows by a mapping set (EP:data-prep/mapping-set.md, troubleshooting-guide.md).

An error makes its column null, and the row continues. A row whose required column is null is rejected.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mixpanel_aep_sandbox.aep.dataprep.destinations import destination_field, missing_required
from mixpanel_aep_sandbox.aep.dataprep.field_types import convert
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, plain
from mixpanel_aep_sandbox.aep.dataprep.language.check import parse_and_check
from mixpanel_aep_sandbox.aep.dataprep.language.errors import ExpressionError
from mixpanel_aep_sandbox.aep.dataprep.language.evaluate import evaluate
from mixpanel_aep_sandbox.aep.dataprep.language.options import DEFAULT, Options
from mixpanel_aep_sandbox.aep.dataprep.language.paths import (
    Found,
    Path,
    aligned,
    clear,
    parse_path,
    read,
    write,
)
from mixpanel_aep_sandbox.aep.dataprep.language.scope import Scope
from mixpanel_aep_sandbox.aep.dataprep.language.tree import Node
from mixpanel_aep_sandbox.aep.dataprep.models import Mapping, read_mapping_set
from mixpanel_aep_sandbox.aep.ingestion.rows.json_schema import kind_of
from mixpanel_aep_sandbox.core.json_types import JsonObject

TRANSFORM_ERROR = "MAPPER-3700-400"
REQUIRED_MISSING = "INGEST-1555-400"


@dataclass(frozen=True)
class MappingError:
    """An error of a column."""

    code: str
    """``MAPPER-3700-400``: a column became null; ``INGEST-1555-400``: the row is rejected."""
    message: str
    destination: str
    source: str = ""
    source_type: str = ""

    @property
    def rejects(self) -> bool:
        """Return whether the error rejects the row."""
        return self.code == REQUIRED_MISSING


@dataclass(frozen=True)
class Mapped:
    """A mapped row."""

    data: JsonObject
    """XDM as JSON; also the incomplete data of a rejected row."""
    errors: tuple[MappingError, ...] = ()

    @property
    def rejected(self) -> bool:
        """Return whether a required field is null: the row is not ingested and counts as failed."""
        return any(error.rejects for error in self.errors)


@dataclass(frozen=True)
class _Column:
    mapping: Mapping
    destination: Path
    field: JsonObject | None
    source: Path = ()
    expression: Node | None = None
    fault: MappingError | None = None
    """Why the mapping fails for every row."""


class Mapper:
    """Maps rows by a mapping set, in either of its forms, to a resolved schema.

    ``resolved_schema`` empty: nothing is converted or required. ``now_milliseconds`` is the result of ``now()``.
    ``options``: how the language reads what Adobe leaves open. Raises FormFault for an invalid mapping set; an invalid
    mapping is an error of its column.
    """

    def __init__(
        self,
        mapping_set_body: JsonObject,
        resolved_schema: JsonObject,
        *,
        now_milliseconds: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        options: Options = DEFAULT,
    ) -> None:
        mapping_set = read_mapping_set(mapping_set_body)
        self._schema, self._now, self._options = resolved_schema, now_milliseconds, options
        self._nulls = mapping_set.allow_null_values
        self._in_order = [_column(mapping, resolved_schema, options) for mapping in mapping_set.mappings]
        # An object before its attributes: an individual mapping replaces what the object copied.
        self._columns = sorted(self._in_order, key=lambda column: len(column.destination))
        self._inside = _inside_others([column.destination for column in self._columns if column.destination])

    @property
    def faults(self) -> list[MappingError | None]:
        """Return the fault of each mapping that fails for every row, in their order in the set."""
        return [column.fault for column in self._in_order]

    def map(self, row: JsonObject) -> Mapped:
        """Return the row as XDM, and its errors. Never raises."""
        data: JsonObject = {}
        errors: list[MappingError] = []
        inside = set(self._inside)
        for column in self._columns:
            if column.destination in inside:
                clear(data, column.destination)
                inside.discard(column.destination)
            if column.fault is not None:
                errors.append(column.fault)
                continue
            try:
                self._write(column, row, data)
            except ExpressionError as error:
                errors.append(_error(column.mapping, str(error)))
        if not self._nulls:
            data = _without_empty(data) or {}
        for destination in missing_required(data, self._schema):
            message = f"The required field {destination} is missing or null."
            errors.append(MappingError(REQUIRED_MISSING, message, destination))
        return Mapped(data, tuple(errors))

    def _write(self, column: _Column, row: JsonObject, data: JsonObject) -> None:
        found = aligned(self._read_source(column, row), column.destination)
        converted = [(indices, self._convert(value, column)) for indices, value in found]
        for indices, value in converted:
            if value is not None or self._nulls:
                write(data, column.destination, indices, value)

    def _read_source(self, column: _Column, row: JsonObject) -> Found:
        if column.mapping.source_type == "ATTRIBUTE":
            return read(row, column.source)
        if column.expression is None:
            return [((), column.mapping.source)]
        return [((), evaluate(column.expression, Scope(row, self._now, self._options)))]

    def _convert(self, value: Value, column: _Column) -> object:
        if value is None:
            return None
        if column.field is None:
            return plain(value)
        leaf = column.source[-1] if column.source else None
        if (
            kind_of(column.field) == "object"
            and not isinstance(value, (dict, list))
            and isinstance(leaf, str)
        ):
            # Adobe's own sample: mapping `emails[*].name` to the object `names` gives {"names": {"name": ...}}.
            value = {leaf: value} if leaf in column.field.get("properties", {}) else value
        return convert(value, column.field)


def _inside_others(destinations: list[Path]) -> set[Path]:
    """Return the destinations inside another mapping's destination.

    They get nothing from that mapping, even if their own mapping gives null: by a failure, or by ``nullify()``, which is
    for fields that must not be copied (EP:data-prep/functions.md#objects).
    """
    known = set(destinations)
    return {path for path in known if any(path[:length] in known for length in range(1, len(path)))}


def _column(mapping: Mapping, schema: JsonObject, options: Options) -> _Column:
    destination: Path = ()
    try:
        destination = parse_path(mapping.destination)
        field = destination_field(schema, destination) if schema else None
        if mapping.source_type == "ATTRIBUTE":
            return _Column(mapping, destination, field, source=parse_path(str(mapping.source)))
        if mapping.source_type == "EXPRESSION":
            return _Column(
                mapping, destination, field, expression=parse_and_check(str(mapping.source), options)
            )
        return _Column(mapping, destination, field)
    except ExpressionError as error:
        return _Column(mapping, destination, None, fault=_error(mapping, str(error)))


def _error(mapping: Mapping, message: str) -> MappingError:
    return MappingError(
        TRANSFORM_ERROR, message, mapping.destination, str(mapping.source), mapping.source_type
    )


def _without_empty(value: object) -> Any:
    """Return the value without nulls, "", [] and {}, which Platform does not accept; None if nothing is left."""
    if isinstance(value, dict):
        kept: Any = {
            name: part for name, child in value.items() if (part := _without_empty(child)) is not None
        }
    elif isinstance(value, list):
        kept = [part for child in value if (part := _without_empty(child)) is not None]
    else:
        kept = value
    return None if isinstance(kept, (str, list, dict)) and not kept else kept
