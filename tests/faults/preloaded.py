"""What the server of forked processes holds before the first one: all that a run needs, warm, and no thread."""

from __future__ import annotations

from collections import Counter

import duckdb
import obstore.store
import pandas
import pyarrow
import pyarrow.parquet

import include.quality.fit
import tests.faults.running
from include.quality.partition import PartitionFacts, facts_table, partition_specs
from include.quality.report import Report, render
from include.quality.suite import SuiteRunner

__all__ = ["duckdb", "include", "obstore", "pandas", "pyarrow", "tests"]

# Great Expectations and Jinja compile on their first run, which every fork would do anew.
_FACTS = PartitionFacts(1, 0, {"Warm": 1})
SuiteRunner(partition_specs(_FACTS, [], {}, allow_empty=True)).run(facts_table(_FACTS, []))
render(Report("warm", "", "", "", Counter(), {}, {}, [], {}, {}))
