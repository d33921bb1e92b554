"""Query Service's limits and errors, each as documented: sessions, queries, rows, time, logins."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixpanel_aep_sandbox.client import AepSandbox
from mixpanel_aep_sandbox.client.control import SandboxError
from mixpanel_aep_sandbox.core.server import SandboxServer
from mixpanel_aep_sandbox.core.state import SandboxState, Settings
from mixpanel_aep_sandbox.core.store import Store
from tests.support.sandbox.query_session import BackgroundQuery, await_queries, connect

pytestmark = pytest.mark.sandbox
DAY = 86400


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    state = SandboxState(Store(tmp_path_factory.mktemp("sandbox")), Settings(batch_seconds=0.0))
    with SandboxServer(state=state) as running:
        yield running


@pytest.fixture
def aep(server: SandboxServer) -> AepSandbox:
    found = AepSandbox(server.url)
    found.reset()
    found.add_dataset("Events")
    return found


@pytest.mark.parametrize("most", [1, 5])
def test_a_session_above_the_limit_is_refused(aep: AepSandbox, most: int) -> None:
    aep.settings(query_sessions=most)
    sessions = [connect(aep) for _ in range(most)]
    with pytest.raises(psycopg.OperationalError, match="FATAL:  Session Limit Reached"):
        connect(aep)
    sessions.pop().close()
    connect(aep).close()
    for session in sessions:
        session.close()
    await_queries(aep, sessions=0)


def test_a_query_above_the_limit_waits(aep: AepSandbox) -> None:
    aep.settings(query_sessions=None, query_takes_seconds=100)
    aep.clock.freeze()
    with connect(aep) as one, connect(aep) as other:
        first = BackgroundQuery(one)
        await_queries(aep, running=1, waiting=0)
        second = BackgroundQuery(other, "select 2")
        await_queries(aep, running=1, waiting=1)
        aep.clock.advance(101)
        assert first.end().result == [(1,)]
        aep.clock.advance(101)
        assert second.end().result == [(2,)]


def test_a_query_above_the_limit_is_refused_if_configured(aep: AepSandbox) -> None:
    aep.settings(query_sessions=None, query_takes_seconds=100, query_over_concurrency="refused")
    aep.clock.freeze()
    with connect(aep) as one, connect(aep) as other:
        first = BackgroundQuery(one)
        await_queries(aep, running=1)
        with pytest.raises(psycopg.errors.InsufficientResources):
            other.execute("select 2")
        aep.clock.advance(101)
        assert first.end().result == [(1,)]
        aep.settings(query_takes_seconds=0)
        assert other.execute("select 2").fetchone() == (2,)


def test_a_query_that_takes_ten_minutes_ends_with_53400(aep: AepSandbox) -> None:
    aep.settings(query_takes_seconds=10_000)
    aep.clock.freeze()
    with connect(aep) as session:
        query = BackgroundQuery(session)
        await_queries(aep, running=1)
        aep.clock.advance(600)
        error = query.end().error
        assert error is not None and error.sqlstate == "53400"
        aep.settings(query_takes_seconds=0)
        assert session.execute("select 1").fetchone() == (1,)


def test_the_sessions_own_timeout_ends_a_query_earlier(aep: AepSandbox) -> None:
    aep.settings(query_takes_seconds=10_000)
    aep.clock.freeze()
    with connect(aep) as session:
        session.execute("set statement_timeout = 5000")
        assert session.execute("show statement_timeout").fetchone() == ("5000",)
        query = BackgroundQuery(session)
        await_queries(aep, running=1)
        aep.clock.advance(5)
        error = query.end().error
        assert error is not None and error.sqlstate == "57014"


def test_a_query_can_be_canceled(aep: AepSandbox) -> None:
    aep.settings(query_takes_seconds=10_000)
    with connect(aep) as session:
        query = BackgroundQuery(session)
        await_queries(aep, running=1)
        session.cancel_safe()
        error = query.end().error
        assert error is not None and error.sqlstate == "57014"
        await_queries(aep, running=0)


def test_a_long_calculation_can_be_canceled(aep: AepSandbox) -> None:
    with connect(aep) as session:
        query = BackgroundQuery(
            session, "select sum(a.range * b.range) from range(300000) a, range(300000) b"
        )
        await_queries(aep, running=1)
        session.cancel_safe()
        error = query.end().error
        assert error is not None and error.sqlstate == "57014"


def test_a_result_is_truncated_silently(aep: AepSandbox) -> None:
    with connect(aep) as session:

        def count(query: str) -> int:
            return len(session.execute(query).fetchall())

        assert count("select * from range(50001)") == 50_000
        assert count("select * from range(49999)") == 49_999
        assert session.execute("select count(*) from range(60000)").fetchone() == (60_000,)
        assert count("select * from range(60000) limit 55000") == 55_000
        aep.settings(query_explicit_limit="capped")
        assert count("select * from range(60000) limit 55000") == 50_000
        aep.settings(query_rows=3)
        assert count("select * from range(60000)") == 3
        assert session.execute("select n, count(*) over () from range(9) t(n)").fetchall()[0][1] == 9


def credential(aep: AepSandbox) -> str:
    made = aep.add_query_credential()
    return f"{made['technicalAccountId']}:{made['credential']}"


@pytest.mark.parametrize(
    ("accepted", "token", "secret"),
    [("both", True, True), ("token", True, False), ("credential", False, True), ("none", False, False)],
)
def test_the_sandbox_can_refuse_either_login(
    aep: AepSandbox, accepted: str, token: bool, secret: bool
) -> None:
    aep.settings(query_logins=accepted)
    for password, works in ((aep.token(), token), (credential(aep), secret)):
        if works:
            connect(aep, password=password).close()
        else:
            with pytest.raises(psycopg.OperationalError, match="FATAL:  Invalid authentication token"):
                connect(aep, password=password)


def test_a_login_needs_its_own_organization_and_an_unexpired_password(aep: AepSandbox) -> None:
    refused = pytest.raises(psycopg.OperationalError, match="Invalid authentication token")
    secret = credential(aep)
    for other in (
        {"user": "OTHER@AdobeOrg"},
        {"password": "wrong"},
        {"password": secret + "x"},
        {"password": "a:b"},
    ):
        with refused:
            connect(aep, **other)
    place, token = aep.query_parameters(), aep.token()
    aep.clock.advance(2 * DAY)  # The token expires after a day.
    with refused:
        psycopg.connect(
            host=place["host"],
            port=place["port"],
            user=place["username"],
            password=token,
            dbname=place["dbName"],
        )


def test_a_credential_unused_for_90_days_is_removed(aep: AepSandbox) -> None:
    secret = credential(aep)
    for days, works in ((89, True), (89, True), (90, False), (0, False)):
        aep.clock.advance(days * DAY)
        aep._token = ""
        if works:
            connect(aep, password=secret).close()
        else:
            with pytest.raises(psycopg.OperationalError, match="Invalid authentication token"):
                connect(aep, password=secret)


@pytest.mark.parametrize("setting", ["query_permission", "query_licence"])
def test_without_permission_or_licence_both_interfaces_are_closed(aep: AepSandbox, setting: str) -> None:
    place = aep.query_parameters()
    aep.settings(**{setting: "missing"})
    with pytest.raises(SandboxError, match=": 403 "):
        aep.query_parameters()
    with pytest.raises(psycopg.OperationalError, match=r"FATAL:  (The permission|Query Service is not part)"):
        psycopg.connect(
            host=place["host"],
            port=place["port"],
            user=place["username"],
            password=place["token"],
            dbname=place["dbName"],
        )


def test_a_retired_data_access_still_lists_failed_rows(aep: AepSandbox) -> None:
    dataset = aep.add_dataset("More")
    done = aep.load(dataset, [{"_id": "a", "timestamp": "2026-07-01T00:00:00Z"}])
    assert done["status"] == "success"
    batch = aep.batches()[0]["id"]
    assert aep.request("GET", f"/data/foundation/export/batches/{batch}/files").json()["data"]
    aep.settings(data_access="retired")
    for path in (f"batches/{batch}/files", f"files/{batch}-1"):
        with pytest.raises(SandboxError, match=": 410 "):
            aep.request("GET", f"/data/foundation/export/{path}")
    assert aep.request("GET", f"/data/foundation/export/batches/{batch}/failed").json()["data"] == []


def raw(aep: AepSandbox, *messages: bytes) -> bytes:
    """Return the port's response to these bytes, until it closes."""
    place = aep.query_parameters()
    with socket.create_connection((place["host"], place["port"]), timeout=20) as wire:
        for message in messages:
            wire.sendall(message)
        wire.shutdown(socket.SHUT_WR)
        got = b""
        while piece := wire.recv(65536):
            got += piece
    return got


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


STARTUP = message(b"", struct.pack("!i", 3 << 16) + b"user\0DEMO0000@AdobeOrg\0database\0prod:all\0\0")


ODD: list[Any] = [
    (b"", b""),
    (b"GET / HTTP/1.1\r\n\r\n", b"C08P01"),
    (message(b"", struct.pack("!i", 2 << 16)), b"C08P01"),
    (message(b"", struct.pack("!i", 80877103)), b"N"),
    (message(b"", struct.pack("!i", 80877104)), b"N"),
    (message(b"", struct.pack("!iii", 80877102, 1, 1)), b""),
    (message(b"", struct.pack("!i", 3 << 16) + b"user"), b"C08P01"),
    (STARTUP + message(b"Q", b"select 1\0"), b"C28000"),
    (STARTUP + message(b"p", b"wrong\0"), b"C28P01"),
    (STARTUP + message(b"p", b"no end"), b"C08P01"),
    (STARTUP[:-3], b""),
]


@pytest.mark.parametrize(("sent", "answered"), ODD, ids=repr)
def test_invalid_bytes_are_answered_and_leave_no_session(
    aep: AepSandbox, sent: bytes, answered: bytes
) -> None:
    got = raw(aep, sent)
    assert answered in got if answered else b"FATAL" not in got
    assert b"sandbox itself" not in got
    await_queries(aep, sessions=0)


def test_an_unknown_message_ends_the_session(aep: AepSandbox) -> None:
    password = message(b"p", aep.token().encode() + b"\0")
    got = raw(aep, STARTUP, password, message(b"d", b"data"))
    assert b"C08P01" in got
    got = raw(
        aep,
        STARTUP,
        password,
        message(b"P", b"\0select 1\0\0\0"),
        message(b"E", b"none\0\0\0\0\0"),
        message(b"S", b""),
    )
    assert b"C34000" in got and got.endswith(b"I")
    await_queries(aep, sessions=0)


def bound(oid: int, value: bytes) -> bytes:
    """Return Parse, Bind and Execute with one binary parameter of this type."""
    parse = message(b"P", b"\0select $1\0" + struct.pack("!hi", 1, oid))
    bind = struct.pack("!hhhi", 1, 1, 1, len(value)) + value + struct.pack("!h", 0)
    return parse + message(b"B", b"\0\0" + bind) + message(b"E", b"\0\0\0\0\0")


PIECES = st.one_of(
    st.builds(
        message, st.sampled_from([b"P", b"B", b"D", b"E", b"C", b"H", b"S", b"Q"]), st.binary(max_size=20)
    ),
    st.builds(
        bound,
        st.sampled_from([0, 16, 20, 21, 23, 25, 700, 701, 1043, 1082, 1114, 1184, 1700, 7]),
        st.binary(max_size=12),
    ),
    st.builds(
        lambda text: message(b"Q", text.encode() + b"\0"), st.text("select '\"`$1;()*-/ \\E", max_size=20)
    ),
)


def test_no_message_causes_an_internal_error(aep: AepSandbox) -> None:
    aep.settings(query_sessions=None)
    password = message(b"p", aep.token().encode() + b"\0")

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(st.lists(PIECES, max_size=6))
    def check(pieces: list[bytes]) -> None:
        got = raw(aep, STARTUP, password, *pieces, message(b"S", b""), message(b"X", b""))
        assert got and b"sandbox itself" not in got

    check()
    await_queries(aep, sessions=0)


def start(state: Path, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mixpanel_aep_sandbox", "--state", str(state), "--query-port", str(port)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_process_uses_the_given_port_and_ends_with_open_sessions(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start(tmp_path, port) as refused:
            _, reported = refused.communicate(timeout=60)
        assert refused.returncode == 2 and f"port {port}" in reported
    with start(tmp_path, port) as running:
        assert running.stdout
        found = AepSandbox(json.loads(running.stdout.readline())["url"])
        found.add_dataset("Events")
        assert found.query_parameters()["port"] == port
        found.settings(query_takes_seconds=10_000)
        session = connect(found)
        query = BackgroundQuery(session)
        await_queries(found, running=1)
        running.terminate()
        _, reported = running.communicate(timeout=60)
    assert (running.returncode, reported) == (0, "")
    assert query.end().error is not None
    session.close()
