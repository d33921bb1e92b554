"""Holds one row against its dataset's schema."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from include.sandbox.aep.row_convert import Conversion
from include.sandbox.aep.row_schema import row_schema

PARSING, CONVERSION, VALIDATION = "parsing", "conversion", "validation"
_TIME_SERIES = "https://ns.adobe.com/xdm/data/time-series"
CORRUPT, WRONG, MISSING = "1401", "1554", "1555"
"""1401 and 1555 are documented; of 1554 only the number has been seen, so its meaning here is [I]."""
_DATES = (
    "date-time. Expected [yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}Z,"
    " yyyy-MM-dd'T'HH:mm:ss[+-]HH:mm, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}[+-]HH:mm]"
)


@dataclass(frozen=True)
class RowError:
    kind: str
    code: str
    pointer: str
    message: str
    keyword: str = ""

    @property
    def column(self) -> str:
        return self.pointer.removeprefix("#/").replace("/", ".")


class RowChecker:
    """``is_good`` says quickly whether a row gets in as it is; ``examine`` says why not, or converts it."""

    def __init__(self, resolved: dict[str, Any], *, nulls: bool, now_ms: int) -> None:
        import jsonschema_rs  # late, for a quick start

        self._schema = resolved
        self._nulls = nulls
        self._quick = jsonschema_rs.Draft7Validator(row_schema(resolved, nulls=nulls), validate_formats=True)
        self._strict = jsonschema_rs.Draft7Validator(row_schema(resolved, nulls=False), validate_formats=True)
        self._events = _TIME_SERIES in resolved.get("meta:extends", [])
        self._now_ms = now_ms
        self._now_text = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")

    @property
    def latest_ms(self) -> int | None:
        """No event's ``timestamp`` may be later; None where rows are no events."""
        return self._now_ms if self._events else None

    def is_good(self, row: dict[str, Any]) -> bool:
        """True only for a row that certainly gets in."""
        try:
            return bool(self._quick.is_valid(row)) and self._is_past(row)
        except ValueError:
            return False  # what Rust cannot hold, such as half of a surrogate pair

    def examine(self, row: dict[str, Any]) -> tuple[dict[str, Any], list[RowError]]:
        """The row as it is kept, and what is wrong with it; good when nothing is."""
        conversion = Conversion(self._nulls)
        kept = conversion.row(row, self._schema)
        errors = [
            RowError(VALIDATION, MISSING, at, "required value is null", "required")
            for at in conversion.missing
        ]
        errors += [RowError(CONVERSION, WRONG, at, f"{at}: {text}", "type") for at, text in conversion.errors]
        if not errors:
            errors = self._violations(kept)
        if not errors and not self._is_past(kept):
            errors = [
                RowError(VALIDATION, WRONG, "#/timestamp", "#/timestamp: is not in the past", "timestamp")
            ]
        return kept, errors

    def _violations(self, row: dict[str, Any]) -> list[RowError]:
        try:
            return [_violation(error) for error in self._strict.iter_errors(row)]
        except ValueError:
            return [
                RowError(PARSING, CORRUPT, "#", "Row is corrupted and cannot be read, please fix and resend.")
            ]

    def _is_past(self, row: dict[str, Any]) -> bool:
        """``timestamp`` must be in the past (EP:xdm/classes/experienceevent.md)."""
        stamp = row.get("timestamp") if self._events else None
        if isinstance(stamp, int):
            return stamp <= self._now_ms
        if not isinstance(stamp, str) or (stamp[-1:] == "Z" and stamp[:19] < self._now_text):
            return True
        try:
            return datetime.fromisoformat(stamp).timestamp() * 1000 <= self._now_ms
        except ValueError:
            return False


def _violation(error: Any) -> RowError:
    path = "#" + "".join(f"/{part}" for part in error.instance_path)
    kind = error.kind.name
    if kind == "required":
        name = error.kind.property
        return RowError(
            VALIDATION, MISSING, f"{path}/{name}", f"{path}: required key [{name}] not found", kind
        )
    if kind == "anyOf":
        # Only dates have alternatives.
        return RowError(
            VALIDATION, WRONG, path, f"{path}: [{error.instance}] is not a valid {_DATES}", "format"
        )
    return RowError(VALIDATION, WRONG, path, f"{path}: {error.message}", kind)
