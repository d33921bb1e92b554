"""Transform: raw events become rows in the XDM schema's shape.

1. ``reader``: inflates the export and cuts it into blocks of whole lines.
2. ``parse``: each process reads the blocks that it claims, converts their columns, and spills them by time of day.
3. ``parts``: each process claims files; a bucket at a time is de-duplicated, sorted, nested and written as Parquet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from include.steps.duckdb import open_duckdb
    from include.steps.transform.reader import read_lines
    from include.steps.transform.step import schema_and_mapping, transform_partition

__all__ = ["open_duckdb", "read_lines", "schema_and_mapping", "transform_partition"]
_HOMES = {
    "open_duckdb": "include.steps.duckdb",
    "read_lines": "include.steps.transform.reader",
    "schema_and_mapping": "include.steps.transform.step",
    "transform_partition": "include.steps.transform.step",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for: the processes of a step start sooner without what only the first one needs."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
