"""Transform: raw events become rows in the XDM schema's shape.

1. ``reader``: inflates the export and cuts it into blocks of whole lines.
2. ``parse``: each process reads the blocks that it claims, converts their columns, and spills them by time of day.
3. ``parts``: each process claims files; a bucket at a time is de-duplicated, sorted, nested and written as Parquet.
"""

from __future__ import annotations

from include.steps.duckdb import open_duckdb
from include.steps.transform.reader import read_lines
from include.steps.transform.step import schema_and_mapping, transform_partition

__all__ = ["open_duckdb", "read_lines", "schema_and_mapping", "transform_partition"]
