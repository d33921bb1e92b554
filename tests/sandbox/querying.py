"""A session of Query Service, opened as its parameters say."""

from __future__ import annotations

from typing import Any

import psycopg

from include.sandbox.fixtures import AepSandbox

Connection = psycopg.Connection[tuple[Any, ...]]


def connect(aep: AepSandbox, **other: Any) -> Connection:
    """``other``: libpq's parameters that differ from those that AEP names."""
    place = aep.query_parameters()
    given = {
        "host": place["host"],
        "port": place["port"],
        "user": place["username"],
        "password": place["token"],
        "dbname": place["dbName"],
        "autocommit": True,
        "connect_timeout": 20,
    }
    return psycopg.connect(**{**given, **other})
