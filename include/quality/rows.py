"""Rows and parts of rows as AEP reads them in JSON: nulls left out, instants with milliseconds."""

from __future__ import annotations

from typing import Any


def present(value: Any) -> Any:
    """A row value without its nulls: for AEP null is not absent, so absent it must be."""
    if isinstance(value, dict):
        return {key: present(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [present(inner) for inner in value if inner is not None]
    return value


def iso(value: Any) -> str:
    """Instants as AEP's date-time pattern wants them, with milliseconds and Z; dates as dates."""
    text: str = value.isoformat(timespec="milliseconds") if hasattr(value, "hour") else value.isoformat()
    return text.replace("+00:00", "Z")


def row_json(array: Any) -> list[str]:
    """Each value of an Arrow array without nulls as JSON text."""
    import msgspec

    encode = msgspec.json.Encoder().encode
    return [encode(_written(present(value))).decode() for value in array.to_pylist(maps_as_pydicts="strict")]


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _written(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_written(inner) for inner in value]
    return iso(value) if hasattr(value, "isoformat") else value


def row_bytes(table: Any) -> list[int]:
    """The size of each row as JSON, in bytes."""
    return [len(text.encode()) for text in row_json(table.to_struct_array())]
