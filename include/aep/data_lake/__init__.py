"""Reads the ``_id``s of a dataset's rows from AEP's data lake, for the comparison of AEP with the ledger (verify).

``LakeReader`` is the interface. It has two implementations: ``QueryServiceReader`` (SQL over PostgreSQL's protocol) and
``DataAccessReader`` (the Parquet files of batches).
"""

from __future__ import annotations

from include.aep.data_lake.data_access import DataAccessReader
from include.aep.data_lake.fingerprint import Bucket, bucket_of
from include.aep.data_lake.query_errors import TableMissing
from include.aep.data_lake.query_service import QueryServiceReader
from include.aep.data_lake.reader import EVER, LakeReader, Window

__all__ = [
    "EVER",
    "Bucket",
    "DataAccessReader",
    "LakeReader",
    "QueryServiceReader",
    "TableMissing",
    "Window",
    "bucket_of",
]
