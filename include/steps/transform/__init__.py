"""Transform: raw events become rows in the XDM schema's shape.

1. ``read_blocks`` inflates the export and cuts it into blocks of whole lines.
2. ``first_pass``: each process parses the blocks that it gets, converts their columns, and spills them by time of day.
3. ``second_pass``: each process claims files, and de-duplicates, sorts, nests and writes a bucket at a time as Parquet.

``step`` runs both passes (``passes``) and publishes the output. ``delta_mapping`` maps a refreshed day from the
difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.steps.transform.step import schema_and_mapping, transform_partition

__all__ = ["schema_and_mapping", "transform_partition"]


def __getattr__(name: str) -> object:
    """Import a name on first use: the processes of a step start faster without what only the first one needs."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from include.steps.transform import step

    return getattr(step, name)
