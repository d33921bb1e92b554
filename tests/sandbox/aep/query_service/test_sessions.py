"""Sessions of Query Service with a real driver and psql: values, parameters, statements and transactions."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import psycopg.sql
import pytest

from mixpanel_aep_sandbox.client import AepSandbox
from mixpanel_aep_sandbox.core.server import SandboxServer
from tests.sandbox.aep.query_service.shop_table import row
from tests.support.sandbox.query_session import Connection, connect

pytestmark = pytest.mark.sandbox


VALUES: list[tuple[str, Any]] = [
    ("cast(7 as smallint)", 7),
    ("cast(-7 as integer)", -7),
    ("cast(7000000000 as bigint)", 7_000_000_000),
    ("cast(1.5 as double)", 1.5),
    ("true", True),
    ("'Grüße'", "Grüße"),
    ("cast('2026-07-01' as date)", date(2026, 7, 1)),
    ("timestamp '1999-12-31 23:59:59.5'", datetime(1999, 12, 31, 23, 59, 59, 500_000)),
    ("cast(null as integer)", None),
    *(
        (f"cast('{text}' as decimal(38,6))", Decimal(text))
        for text in ("0", "12345.678900", "-0.000001", "10000", "1e20")
    ),
]


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize(("expression", "value"), VALUES, ids=[each for each, _ in VALUES])
def test_values_are_returned_in_both_formats(
    session: Connection, expression: str, value: Any, binary: bool
) -> None:
    assert session.execute(f"select {expression}", binary=binary).fetchone() == (value,)


PARAMETERS: list[Any] = [
    "it's \\ 'x'",
    5,
    -(2**40),
    True,
    1.25,
    Decimal("1.5"),
    None,
    date(2026, 7, 1),
    datetime(2026, 7, 1, 1, 2, 3),
]


@pytest.mark.parametrize("form", ["%s", "%b", "%t"])
@pytest.mark.parametrize("value", PARAMETERS, ids=repr)
def test_parameters_are_bound_in_both_formats(session: Connection, value: Any, form: str) -> None:
    """A bound value is a stored value: each is found among others of its type."""
    literal = "null" if value is None else psycopg.sql.Literal(value).as_string(session)
    query = f"select {form} is not distinct from x from (values ({literal})) t(x)"
    assert session.execute(query, [value]).fetchone() == (True,)


def test_a_prepared_statement_can_be_used_again(aep: AepSandbox, dataset: str, session: Connection) -> None:
    aep.load(dataset, [row("a"), row("b")])
    query = "select _id from shop_events_2026 where _id = %s and timestamp >= %s"
    for key in ("a", "b", "a", "c"):
        found = session.execute(query, [key, "2026-07-01T00:00:00Z"], prepare=True).fetchall()
        assert found == ([(key,)] if key != "c" else [])


def test_rows_can_be_fetched_in_pieces(session: Connection) -> None:
    with session.cursor() as cursor:
        assert sum(number for (number,) in cursor.stream("select * from range(5000) t(n)")) == 12_497_500


def test_statements_can_be_sent_together(session: Connection) -> None:
    with session.pipeline():
        cursors = [session.execute("select %s::int", [n]) for n in range(3)]
    assert [cursor.fetchone() for cursor in cursors] == [(0,), (1,), (2,)]


def test_a_failed_transaction_has_to_be_ended(aep: AepSandbox, dataset: str) -> None:
    with connect(aep, autocommit=False) as session:
        session.execute("select 1")
        with pytest.raises(psycopg.Error):
            session.execute("select * from nope")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            session.execute("select 1")
        session.rollback()
        assert session.execute("select 2").fetchone() == (2,)


@pytest.mark.skipif(shutil.which("psql") is None, reason="needs psql")
def test_psql_shows_rows(aep: AepSandbox, dataset: str) -> None:
    aep.load(dataset, [row("a")])
    place = aep.query_parameters()
    at = f"host={place['host']} port={place['port']} user={place['username']} dbname={place['dbName']}"
    done = subprocess.run(
        [
            "psql",
            "-X",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            at,
            "-c",
            "set drop_system_columns=false",
            "-c",
            "select _id from `shop_events_2026`; -- one\nselect 2",
        ],
        env={**os.environ, "PGPASSWORD": place["token"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "SET\na\n2\n"), done.stderr


def test_nothing_is_left_when_the_sandbox_ends(tmp_path: Any) -> None:
    before = set(threading.enumerate())
    with SandboxServer(tmp_path) as server:
        aep = AepSandbox(server.url)
        aep.add_dataset("Events")
        aep.settings(query_takes_seconds=1000)
        session = connect(aep)
        failed: list[psycopg.Error] = []

        def ask() -> None:
            try:
                session.execute("select 1")
            except psycopg.Error as error:
                failed.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        port = aep.query_parameters()["port"]
    asking.join(20)
    assert failed and not asking.is_alive()
    left = [each.name for each in set(threading.enumerate()) - before if each.name.startswith("query")]
    assert left == []
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(host="127.0.0.1", port=port, user="x", password="x", dbname="x", connect_timeout=5)
