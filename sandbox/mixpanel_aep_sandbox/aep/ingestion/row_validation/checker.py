"""Validation of one row against its dataset's schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mixpanel_aep_sandbox.aep.core.constants import TIME_SERIES
from mixpanel_aep_sandbox.aep.ingestion.row_validation.conversions import Conversion
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_schema import row_schema, validator_of
from mixpanel_aep_sandbox.aep.ingestion.row_validation.row_messages import violation_text
from mixpanel_aep_sandbox.aep.ingestion.row_validation.rules import IDENTITY_MAP, RowRules, has_primary
from mixpanel_aep_sandbox.aep.ingestion.row_validation.times import epoch_ms
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.core.json_types import JsonObject

if TYPE_CHECKING:
    import jsonschema_rs


PARSING, CONVERSION, VALIDATION = "parsing", "conversion", "validation"
CORRUPT, WRONG, MISSING = "1401", "1554", "1555"
"""Error codes. Adobe documents 1401 and 1555; only the number 1554 is known, and its meaning here is [I]."""


@dataclass(frozen=True)
class RowError:
    """An error of a row at one of its fields, from which the messages and diagnostics of the batch are made."""

    kind: str
    """``parsing``, ``conversion`` or ``validation``."""
    code: str
    """The number in Adobe's error code: 1401, 1554 or 1555."""
    pointer: str
    """The field as a JSON Pointer that begins with ``#``."""
    message: str
    keyword: str = ""
    """The keyword of JSON Schema that the value violates; empty if the row cannot be parsed."""

    @property
    def column(self) -> str:
        """Return the field of the error as a dotted path, such as ``a.b``."""
        return self.pointer.removeprefix("#/").replace("/", ".")


class RowChecker:
    """Converts and validates single rows by the rules of a dataset, and returns their errors."""

    def __init__(self, rules: RowRules, settings: IngestSettings, *, nulls: bool, now_ms: int) -> None:
        """Prepare the checks.

        Args:
            rules: The schema of the rows, and whether ``identityMap`` must have a primary identity.
            settings: The settings of ingestion.
            nulls: Whether a null means a missing field, as in a Parquet column; otherwise it is an error.
            now_ms: The time, in epoch milliseconds, that no event may exceed.
        """
        resolved = self._schema = rules.schema
        self._primary_in_map = rules.primary_in_map
        self._nulls = nulls
        self._validator = validator_of(row_schema(resolved))
        events = TIME_SERIES in resolved.get("meta:extends", [])
        self.latest_ms = now_ms if events and settings.future_timestamps == "refused" else None
        """The latest allowed ``timestamp`` in epoch milliseconds; None if any is allowed or the rows are not events."""
        self._known_only = settings.unknown_fields == "refused"
        self.most_fields = settings.most_fields

    def stored_row(self, row: JsonObject) -> JsonObject:
        """Return a valid row as it is stored: converted, and without fields outside of the schema."""
        return Conversion(self._nulls).row(row, self._schema)

    def check_row(self, row: JsonObject) -> tuple[JsonObject, list[RowError]]:
        """Return a row as it is stored if it is valid, and the list of its errors, which is empty for a valid row."""
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
            text = "required key [primary] not found in any identity"  # the text is [I]
            errors = [RowError(VALIDATION, MISSING, f"#/{IDENTITY_MAP}", text, "required")]
        if not errors and _fields_of(row) > self.most_fields:
            text = f"a row has at most {self.most_fields} fields"
            errors = [RowError(VALIDATION, WRONG, "#", text, "maxProperties")]
        return kept, errors

    def _violations(self, row: JsonObject) -> list[RowError]:
        """Validate a converted row by the JSON Schema, and return its errors."""
        try:
            return [_violation(error) for error in self._validator.iter_errors(row)]
        except ValueError:  # the row contains something that Rust cannot represent, such as lone surrogates
            return [
                RowError(PARSING, CORRUPT, "#", "Row is corrupted and cannot be read, please fix and resend.")
            ]

    def _is_past(self, row: JsonObject) -> bool:
        """Return whether ``timestamp`` is in the past, as Adobe requires (EP:xdm/classes/experienceevent.md)."""
        stamp = row.get("timestamp")
        if self.latest_ms is None or not isinstance(stamp, str):
            return True
        return epoch_ms(stamp) <= self.latest_ms


def _violation(error: jsonschema_rs.ValidationError) -> RowError:
    """Convert an error of jsonschema-rs to a RowError with Adobe's message."""
    import jsonschema_rs  # imported late, for a quick start

    path = "#" + "".join(f"/{part}" for part in error.instance_path)
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
        name = error.kind.property
        return RowError(VALIDATION, MISSING, f"{path}/{name}", f"required key [{name}] not found", "required")
    keyword, text = violation_text(error)
    return RowError(VALIDATION, WRONG, path, text, keyword)


def _fields_of(value: object) -> int:
    """Return the number of fields in a value, at every depth."""
    if isinstance(value, dict):
        return sum(1 + _fields_of(part) for part in value.values())
    return sum(map(_fields_of, value)) if isinstance(value, list) else 0
