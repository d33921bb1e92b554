"""DuckDB as the steps use it: sorts and joins spill to scratch, and no output is printed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def open_duckdb(scratch: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection to a new DuckDB database with limited memory; larger data is written to files in ``scratch``.

    The environment variable ``MIXPANEL_AEP_MEMORY`` sets the limit (default 256MB).
    """
    import duckdb

    db = duckdb.connect(
        str(scratch / "work.duckdb"),
        config={
            "memory_limit": os.environ.get("MIXPANEL_AEP_MEMORY", "256MB"),
            "temp_directory": str(scratch / "spill"),
            "TimeZone": "UTC",
            "autoinstall_known_extensions": False,
        },
    )
    # Disable DuckDB's progress bar, which would print the progress of slow queries to standard output.
    db.execute("SET enable_progress_bar = false")
    return db
