"""Validation of one row against its dataset's schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mixpanel_aep_sandbox.aep.core.constants import TIME_SERIES
from mixpanel_aep_sandbox.aep.ingestion.rows.conversions import Conversion
from mixpanel_aep_sandbox.aep.ingestion.rows.json_schema import row_schema, validator_of
from mixpanel_aep_sandbox.aep.ingestion.rows.row_messages import violation_text
from mixpanel_aep_sandbox.aep.ingestion.rows.rules import IDENTITY_MAP, RowRules, has_primary
from mixpanel_aep_sandbox.aep.ingestion.rows.times import epoch_ms
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.core.json_types import JsonObject

if TYPE_CHECKING:
    import jsonschema_rs


PARSING, CONVERSION, VALIDATION = "parsing", "conversion", "validation"
CORRUPT, WRONG, MISSING = "1401", "1554", "1555"
"""1401 and 1555 are documented; 1554 was observed only as a number, so its meaning here is [I]."""


@dataclass(frozen=True)
class RowError:
    """An error of a row, at a JSON Pointer."""

    kind: str
    code: str
    pointer: str
    message: str
    keyword: str = ""

    @property
    def column(self) -> str:
        """Return the field of the error as a path with dots, such as ``a.b``."""
        return self.pointer.removeprefix("#/").replace("/", ".")


class RowChecker:
    """Converts and validates rows of JSON and CSV files against the rules of a dataset."""

    def __init__(self, rules: RowRules, settings: IngestSettings, *, nulls: bool, now_ms: int) -> None:
        """Prepare the checks. ``nulls``: a null is a missing field, as in a Parquet column."""
        resolved = self._schema = rules.schema
        self._primary_in_map = rules.primary_in_map
        self._nulls = nulls
        self._validator = validator_of(row_schema(resolved))
        events = TIME_SERIES in resolved.get("meta:extends", [])
        self.latest_ms = now_ms if events and settings.future_timestamps == "refused" else None
        """The latest allowed ``timestamp`` of an event; None if rows are not events."""
        self._known_only = settings.unknown_fields == "refused"
        self.most_fields = settings.most_fields

    def kept(self, row: JsonObject) -> JsonObject:
        """Return a good row as it is stored: converted, and without fields that are not in the schema."""
        return Conversion(self._nulls).row(row, self._schema)

    def examine(self, row: JsonObject) -> tuple[JsonObject, list[RowError]]:
        """Return the row as it is stored, and its errors; a good row has none."""
        conversion = Conversion(self._nulls)
        kept = conversion.row(row, self._schema)
        errors = [
            RowError(VALIDATION, MISSING, at, "required value is null", "required")
            for at in conversion.missing
        ]
        errors += [RowError(CONVERSION, WRONG, at, text, "type") for at, text in conversion.errors]
        if self._known_only:
            errors += [
                RowError(VALIDATION, WRONG, at, "extraneous key is not permitted", "additionalProperties")
                for at in conversion.unknown
            ]
        if not errors:
            errors = self._violations(kept)
        if not errors and not self._is_past(kept):
            errors = [RowError(VALIDATION, WRONG, "#/timestamp", "is not in the past", "timestamp")]
        if not errors and self._primary_in_map and not has_primary(kept.get(IDENTITY_MAP)):
            text = "required key [primary] not found in any identity"  # [I] the words; the code is that of a missing field
            errors = [RowError(VALIDATION, MISSING, f"#/{IDENTITY_MAP}", text, "required")]
        if not errors and _fields_of(row) > self.most_fields:
            text = f"a row has at most {self.most_fields} fields"
            errors = [RowError(VALIDATION, WRONG, "#", text, "maxProperties")]
        return kept, errors

    def _violations(self, row: JsonObject) -> list[RowError]:
        try:
            return [_violation(error) for error in self._validator.iter_errors(row)]
        except ValueError:  # what Rust cannot represent, such as lone surrogates
            return [
                RowError(PARSING, CORRUPT, "#", "Row is corrupted and cannot be read, please fix and resend.")
            ]

    def _is_past(self, row: JsonObject) -> bool:
        """Return whether ``timestamp`` is in the past, as it must be (EP:xdm/classes/experienceevent.md)."""
        stamp = row.get("timestamp")
        if self.latest_ms is None or not isinstance(stamp, str):
            return True
        return epoch_ms(stamp) <= self.latest_ms


def _violation(error: jsonschema_rs.ValidationError) -> RowError:
    import jsonschema_rs  # imported late, for a quick start

    path = "#" + "".join(f"/{part}" for part in error.instance_path)
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
        name = error.kind.property
        return RowError(VALIDATION, MISSING, f"{path}/{name}", f"required key [{name}] not found", "required")
    keyword, text = violation_text(error)
    return RowError(VALIDATION, WRONG, path, text, keyword)


def _fields_of(value: object) -> int:
    if isinstance(value, dict):
        return sum(1 + _fields_of(part) for part in value.values())
    return sum(map(_fields_of, value)) if isinstance(value, list) else 0
