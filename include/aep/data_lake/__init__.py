"""Reads the ``_id``s of a dataset's rows from AEP's data lake, for the comparison of AEP with the ledger (verify).

``DataLakeReader`` is the interface. It has two implementations: ``QueryServiceReader`` (SQL over PostgreSQL's protocol)
and ``DataAccessReader`` (the Parquet files of batches).
"""

from __future__ import annotations

from include.aep.data_lake.data_access import DataAccessReader
from include.aep.data_lake.fingerprint import Bucket, fingerprint_of
from include.aep.data_lake.query_errors import TableMissing
from include.aep.data_lake.query_service import QueryServiceReader
from include.aep.data_lake.reader import EVER, DataLakeReader, Window

__all__ = [
    "EVER",
    "Bucket",
    "DataAccessReader",
    "DataLakeReader",
    "QueryServiceReader",
    "TableMissing",
    "Window",
    "fingerprint_of",
]
