"""Mapping of rows by a mapping set (EP:data-prep/mapping-set.md, troubleshooting-guide.md).

If a mapping fails for a row, its destination column is null, and the row's other mappings are evaluated. A row with a
missing required column is rejected.
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
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_schema import kind_of
from mixpanel_aep_sandbox.core.json_types import JsonObject

TRANSFORM_ERROR = "MAPPER-3700-400"
REQUIRED_MISSING = "INGEST-1555-400"


@dataclass(frozen=True)
class MappingError:
    """Why one destination column of a row has no value, or why the row is rejected."""

    code: str
    """``MAPPER-3700-400``: the column becomes null; ``INGEST-1555-400``: the row is rejected."""
    message: str
    destination: str
    """The mapping's destination path, or the path of the missing required field."""
    source: str = ""
    """The mapping's source; empty for a missing required field."""
    source_type: str = ""
    """ATTRIBUTE, EXPRESSION or STATIC; empty for a missing required field."""

    @property
    def rejects(self) -> bool:
        """Return whether the error rejects the whole row instead of setting its column to null."""
        return self.code == REQUIRED_MISSING


@dataclass(frozen=True)
class Mapped:
    """The result of mapping one row: an XDM record, and the errors of its columns."""

    data: JsonObject
    """The XDM record as JSON data; for a rejected row, the incomplete record."""
    errors: tuple[MappingError, ...] = ()
    """Failed columns in the order of their evaluation, then missing required fields."""

    @property
    def rejected(self) -> bool:
        """Return whether a required field is null: the row is not ingested and counts as failed."""
        return any(error.rejects for error in self.errors)


@dataclass(frozen=True)
class _Column:
    """One mapping of a set in parsed form.

    Attributes:
        mapping: The mapping.
        destination: The parsed destination path.
        field: The JSON Schema of the destination field; None: any value is accepted.
        source: The parsed source path, for an attribute.
        expression: The parsed source, for an expression.
    """

    mapping: Mapping
    destination: Path
    field: JsonObject | None
    source: Path = ()
    expression: Node | None = None
    fault: MappingError | None = None
    """Why the mapping is invalid and fails for every row; None for a valid mapping."""


class Mapper:
    """Maps source rows to XDM records by a mapping set, which may have the current or the previous JSON form.

    Args:
        mapping_set_body: The mapping set, as clients send it.
        resolved_schema: The output schema without references. If it is empty, no value is converted and no field is
            required.
        now_milliseconds: Returns the epoch milliseconds that ``now()`` and ``timestamp()`` use.
        options: How to evaluate expressions where Adobe's documents are silent or contradict each other.

    Raises:
        InvalidMappingSet: The body is not a valid mapping set. An invalid single mapping is an error of its column.
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
        # Objects are written before their attributes, because an attribute's own mapping replaces the copied value.
        self._columns = sorted(self._in_order, key=lambda column: len(column.destination))
        self._inside = _inside_others([column.destination for column in self._columns if column.destination])

    @property
    def faults(self) -> list[MappingError | None]:
        """Return one entry for each mapping, in the order of the set: why it is invalid, or None if it is valid."""
        return [column.fault for column in self._in_order]

    def map(self, row: JsonObject) -> Mapped:
        """Map one source row to an XDM record. Failed columns raise no error; ``Mapped.errors`` lists them."""
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
        """Evaluate a column for a row, and write its values into ``data``. Raises ExpressionError."""
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
        """Convert a value to the type of the column's destination field; null remains null."""
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
            # Adobe's sample maps `emails[*].name` to the object `names`, with the result {"names": {"name": ...}}.
            value = {leaf: value} if leaf in column.field.get("properties", {}) else value
        return convert(value, column.field)


def _inside_others(destinations: list[Path]) -> set[Path]:
    """Return the destinations that are attributes of another mapping's destination.

    The value that the other mapping copies never fills such an attribute, even if the attribute's own mapping results
    in null: after an error, or by ``nullify()``, which excludes fields from a copy (EP:data-prep/functions.md#objects).
    """
    known = set(destinations)
    return {path for path in known if any(path[:length] in known for length in range(1, len(path)))}


def _column(mapping: Mapping, schema: JsonObject, options: Options) -> _Column:
    """Parse a mapping of a set. The result for an invalid mapping has a ``fault``."""
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
    """Remove nulls, "", [] and {}, which Platform does not accept, at every depth. Return None if nothing remains."""
    if isinstance(value, dict):
        kept: Any = {
            name: part for name, child in value.items() if (part := _without_empty(child)) is not None
        }
    elif isinstance(value, list):
        kept = [part for child in value if (part := _without_empty(child)) is not None]
    else:
        kept = value
    return None if isinstance(kept, (str, list, dict)) and not kept else kept
