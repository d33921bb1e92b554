"""The transform step: convert raw events to rows that have the structure of the XDM schema.

1. ``read_blocks`` inflates the export and cuts it into blocks of whole lines.
2. ``first_pass``: each process parses blocks of lines, converts the events to columns, and writes them to spill files,
   divided into buckets by time of day.
3. ``second_pass``: each process claims output files. For each bucket of a file, it removes duplicates, sorts the rows,
   nests their columns and writes them as Parquet.

``step`` runs both passes (``passes``) and publishes the output. ``delta_mapping`` maps only the differing lines of a
day that was exported again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.steps.transform.step import schema_and_mapping, transform_partition

__all__ = ["schema_and_mapping", "transform_partition"]


def __getattr__(name: str) -> object:
    """Import a function of ``step`` on first use: the additional processes of a transform do not need ``step``."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from include.steps.transform import step

    return getattr(step, name)
