"""What the server of forked processes loads before the first fork: everything that a run needs, and no thread."""

from __future__ import annotations

from collections import Counter

import duckdb
import obstore.store
import pandas
import pyarrow
import pyarrow.parquet

import include.quality.json_schema_expectation
import tests.faults.process_run
from include.quality.partition_expectations import (
    DayEvents,
    PartitionFacts,
    failing_expectations,
    partition_expectations,
)
from include.quality.report import Report, render

__all__ = ["duckdb", "include", "obstore", "pandas", "pyarrow", "tests"]

# Great Expectations and Jinja compile on their first run, which every fork would repeat.
failing_expectations(
    partition_expectations(PartitionFacts(1, 0, DayEvents({"Warm": 1})), [], {}, allow_empty=True)
)
render(Report("warm", "", "", "", Counter(), {}, {}, [], {}, {}))
