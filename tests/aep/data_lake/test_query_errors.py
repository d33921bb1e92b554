"""Errors of reading the lake have one sentence: busy is retried, missing permissions are named, no secret is shown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import certifi
import psycopg
import pytest

from include.aep.client import AepClient
from include.aep.data_lake import DataLakeReader, QueryServiceReader
from include.aep.data_lake.query_connection import QueryConnection, QueryLimits
from include.aep.data_lake.query_login import Login, logins
from include.aep.data_lake.query_service import table_of
from include.aep.http import AepHttp
from include.aep.model import Dataset
from include.aep.settings import AepSettings
from include.aep.token_source import TokenSource
from include.clock import SYSTEM_CLOCK
from include.errors import (
    AddressRefused,
    ConfigError,
    LakeNotReadable,
    PipelineError,
    QueryServiceBusy,
    ServiceUnavailable,
    Terminal,
    Transient,
)
from include.http.network import NetworkSettings
from mixpanel_aep_sandbox.aep.core.constants import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_ORG
from mixpanel_aep_sandbox.client import AepSandbox
from mixpanel_aep_sandbox.core.server import SandboxServer
from mixpanel_aep_sandbox.core.state import SandboxState, Settings
from mixpanel_aep_sandbox.core.store import Store
from tests.support.sandbox.query_session import BackgroundQuery, await_queries, connect

pytestmark = pytest.mark.sandbox
DAY = datetime(2026, 7, 1, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
SETTINGS = AepSettings(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_ORG, "prod")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    state = SandboxState(Store(tmp_path_factory.mktemp("sandbox")), Settings(batch_seconds=0.0))
    with SandboxServer(state=state) as running:
        yield running


@pytest.fixture
def sandbox(server: SandboxServer) -> AepSandbox:
    found = AepSandbox(server.url)
    found.reset()
    key = found.add_dataset("Shop events")
    found.load(key, [{"_id": "a" * 64, "timestamp": DAY.isoformat()}])
    return found


@pytest.fixture
def client(sandbox: AepSandbox) -> Iterator[AepClient]:
    found = AepClient(replace(SETTINGS, sandbox_url=sandbox.url))
    yield found
    found.close()


@pytest.fixture
def dataset(client: AepClient) -> Dataset:
    return client.catalog.require_dataset("Shop events")


def refusal(reader: DataLakeReader, dataset: Dataset, kind: type[PipelineError]) -> PipelineError:
    """Return the error of a query, and assert that it and its causes contain no token or password."""
    with pytest.raises(kind) as caught:
        reader.fingerprints(dataset, DAY, NEXT)
    reported = repr(caught.value) + str(caught.value.__cause__) + str(caught.value.__context__)
    assert "sandbox-token" not in reported and "demo-credential" not in reported, reported
    assert caught.value.hint
    return caught.value


def test_busy_is_transient_and_missing_permissions_are_not() -> None:
    assert issubclass(QueryServiceBusy, Transient) and issubclass(LakeNotReadable, Terminal)


def test_another_session_makes_the_service_busy_until_it_ends(
    client: AepClient, sandbox: AepSandbox, dataset: Dataset
) -> None:
    with client.lake_reader() as reader:
        with connect(sandbox):
            assert "Session Limit Reached" in str(refusal(reader, dataset, QueryServiceBusy))
        await_queries(sandbox, sessions=0)
        assert len(reader.fingerprints(dataset, DAY, NEXT)) == 1
    await_queries(sandbox, sessions=0)


def test_another_query_makes_the_service_busy(
    client: AepClient, sandbox: AepSandbox, dataset: Dataset
) -> None:
    sandbox.settings(query_sessions=None, query_over_concurrency="refused", query_takes_seconds=100)
    sandbox.clock.freeze()
    with connect(sandbox) as other, client.lake_reader() as reader:
        query = BackgroundQuery(other)
        await_queries(sandbox, running=1)
        refusal(reader, dataset, QueryServiceBusy)
        sandbox.clock.advance(101)
        query.end()


def test_a_query_over_ten_minutes_is_busy_and_the_session_continues(
    client: AepClient, sandbox: AepSandbox, dataset: Dataset
) -> None:
    sandbox.settings(query_limit_seconds=0)
    with client.lake_reader() as reader:
        assert "time limit" in str(refusal(reader, dataset, QueryServiceBusy))
        sandbox.settings(query_limit_seconds=600)
        assert len(reader.fingerprints(dataset, DAY, NEXT)) == 1


@pytest.mark.parametrize("server_knows", [True, False], ids=["its own timeout", "ours alone"])
def test_a_query_ends_at_our_own_deadline(
    client: AepClient, sandbox: AepSandbox, dataset: Dataset, server_knows: bool
) -> None:
    sandbox.settings(query_takes_seconds=10_000)
    if not server_knows:
        sandbox.clock.freeze()  # It does not advance the session's timeout.
    started = time.monotonic()
    with client.lake_reader(limits=QueryLimits(statement_seconds=2)) as reader:
        refusal(reader, dataset, QueryServiceBusy)
        assert time.monotonic() - started < 20
        await_queries(sandbox, running=0)
        sandbox.settings(query_takes_seconds=0)
        assert len(reader.fingerprints(dataset, DAY, NEXT)) == 1


def test_the_duration_of_queries_is_counted(client: AepClient, sandbox: AepSandbox, dataset: Dataset) -> None:
    sandbox.settings(query_takes_seconds=0.2)
    with client.lake_reader() as reader:
        assert reader.query_seconds == 0
        reader.fingerprints(dataset, DAY, NEXT)
        assert 0.2 <= reader.query_seconds < 20


@pytest.mark.parametrize("setting", ["query_permission", "query_licence"])
def test_a_missing_permission_or_licence_is_named(
    client: AepClient, sandbox: AepSandbox, dataset: Dataset, setting: str
) -> None:
    sandbox.settings(**{setting: "missing"})
    with client.lake_reader() as reader:
        assert "Manage Queries" in refusal(reader, dataset, LakeNotReadable).hint


@pytest.mark.parametrize("setting", ["query_permission", "query_licence"])
def test_a_permission_revoked_before_the_session_begins_is_named(
    client: AepClient, sandbox: AepSandbox, dataset: Dataset, setting: str
) -> None:
    known = known_logins(client)
    sandbox.settings(**{setting: "missing"})
    with QueryServiceReader(QueryConnection(lambda: known, SYSTEM_CLOCK)) as reader:
        assert "Manage Queries" in refusal(reader, dataset, LakeNotReadable).hint


def known_logins(client: AepClient) -> list[Login]:
    return logins(client._settings, client._http, client._tokens)


def test_the_credential_is_used_where_tokens_are_rejected(
    sandbox: AepSandbox, client: AepClient, dataset: Dataset
) -> None:
    made = sandbox.add_query_credential()
    account, secret = made["technicalAccountId"], made["credential"]
    sandbox.settings(query_logins="credential")
    with client.lake_reader() as reader:
        assert "query_account" in refusal(reader, dataset, LakeNotReadable).hint
    mine = replace(SETTINGS, sandbox_url=sandbox.url, query_account=account, query_secret=secret)
    other = AepClient(mine)
    with other.lake_reader() as reader:
        assert len(reader.fingerprints(dataset, DAY, NEXT)) == 1
    sandbox.settings(query_logins="token")
    with other.lake_reader() as reader:
        assert len(reader.fingerprints(dataset, DAY, NEXT)) == 1
    sandbox.settings(query_logins="none")
    with other.lake_reader() as reader:
        assert "non-expiring credential" in str(refusal(reader, dataset, LakeNotReadable))
    other.close()


def test_the_credentials_fields_are_validated_and_secret() -> None:
    held = replace(SETTINGS, query_account="ACCOUNT@techacct.adobe.com", query_secret="a-secret-credential")
    assert "a-secret-credential" in held.secrets and "a-secret-credential" not in repr(held)
    for account, secret in (
        ("A@x", None),
        (None, "secret"),
        ("a b", "secret"),
        ("A@x", "sec ret"),
        ("", "x"),
    ):
        with pytest.raises(ConfigError) as caught:
            replace(SETTINGS, query_account=account, query_secret=secret)
        assert "sec ret" not in str(caught.value)
    extra = {"org_id": DEMO_ORG, "aep_sandbox": "prod", "query_account": "A@x", "query_secret": "s"}
    given: dict[str, Any] = {"conn_id": "aep", "login": "id", "password": "secret", "host": "", "port": None}
    assert AepSettings.from_connection(**given, extra=extra).query_secret == "s"
    empty = {**extra, "query_account": "", "query_secret": ""}
    assert AepSettings.from_connection(**given, extra=empty).query_secret is None


def test_a_broken_session_is_transient_and_reopened(
    client: AepClient, server: SandboxServer, sandbox: AepSandbox, dataset: Dataset
) -> None:
    with client.lake_reader() as reader:
        assert len(reader.fingerprints(dataset, DAY, NEXT)) == 1
        server._queries.end_sessions()
        refusal(reader, dataset, ServiceUnavailable)
        assert len(reader.fingerprints(dataset, DAY, NEXT)) == 1


def test_a_closed_port_is_transient(client: AepClient, dataset: Dataset) -> None:
    closed = [replace(login, port=1) for login in known_logins(client)]
    with QueryServiceReader(QueryConnection(lambda: closed, SYSTEM_CLOCK)) as reader:
        refusal(reader, dataset, ServiceUnavailable)


def test_a_missing_table_is_named(client: AepClient, dataset: Dataset) -> None:
    with client.lake_reader() as reader:
        renamed = cast(Dataset, {**dataset, "tags": {"adobe/pqs/table": ["nope"]}})
        assert "42P01" in str(refusal(reader, renamed, LakeNotReadable))


@pytest.mark.parametrize(
    "tag", [None, [], [7], ["x; drop table y"], ['a"b'], ["A"], [""], "text", ["x" * 300]]
)
def test_a_table_name_must_be_plain(dataset: Dataset, tag: object) -> None:
    tags = {} if tag is None else {"adobe/pqs/table": tag}
    with pytest.raises(LakeNotReadable, match="adobe/pqs/table"):
        table_of(cast(Dataset, {**dataset, "tags": tags}))


@pytest.mark.case("M15")
def test_without_tls_no_password_is_sent_to_a_real_host(
    client: AepClient, sandbox: AepSandbox, dataset: Dataset
) -> None:
    """The sandbox's port has no TLS, as an attacker in the middle would pretend."""
    [login] = known_logins(client)
    real = replace(login, host="demo.platform-query.adobe.io", certificates=certifi.where())
    with QueryServiceReader(QueryConnection(lambda: [real], SYSTEM_CLOCK)) as reader:
        assert "TLS" in str(refusal(reader, dataset, LakeNotReadable))


class OneAnswer:
    """Return AEP's response to the request for connection parameters."""

    def __init__(self, **body: object) -> None:
        self.body = {
            "host": "demo.platform-query.adobe.io",
            "port": 80,
            "dbName": "prod:all",
            "username": DEMO_ORG,
        }
        self.body.update(body)  # type: ignore[arg-type]

    def get(self, *_: object) -> dict[str, Any]:
        return dict(self.body)


class OneToken:
    def token(self) -> str:
        return "sandbox-token-secret"


def found(
    address: str = "192.147.130.1",
    settings: AepSettings = SETTINGS,
    surroundings: NetworkSettings | None = None,
    **body: object,
) -> list[Login]:
    return logins(
        settings,
        cast(AepHttp, OneAnswer(**body)),
        cast(TokenSource, OneToken()),
        lambda host, port: address,
        surroundings or NetworkSettings(),
    )


@pytest.mark.case("M15")
def test_a_real_host_requires_verified_tls() -> None:
    [login] = found()
    given = login.parameters()
    assert (given["sslmode"], given["sslrootcert"]) == ("verify-full", certifi.where())
    assert (given["host"], given["hostaddr"]) == ("demo.platform-query.adobe.io", "192.147.130.1")
    assert "sandbox-token" not in repr(login)
    assert psycopg.conninfo.make_conninfo("", **given)  # type: ignore[arg-type] - libpq knows each of them


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "platform-query.adobe.io",
        "demo.platform-query.adobe.io.example.com",
        "demoplatform-query.adobe.io",
        "demo.platform-query.adobe.io,example.com",
        "127.0.0.1",
        "demo platform-query.adobe.io",
        "-.platform-query.adobe.io",
        "a/../b.platform-query.adobe.io",
    ],
)
@pytest.mark.case("M15")
def test_other_hosts_get_no_password(host: str) -> None:
    with pytest.raises(LakeNotReadable, match="no data was sent to it"):
        found(host=host)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "0.0.0.0"])
@pytest.mark.case("M15")
def test_a_real_name_that_resolves_to_this_network_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        found(address)


@pytest.mark.case("M15")
def test_environment_variables_change_neither_address_nor_tls(
    client: AepClient, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGPORT", "1"),
        ("PGSSLMODE", "require"),
        ("PGOPTIONS", "-c nothing"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGREQUIREAUTH", "scram-sha-256"),
    ):
        monkeypatch.setenv(name, value)
    with client.lake_reader() as reader:
        assert len(reader.fingerprints(dataset, DAY, NEXT)) == 1


def test_a_sandbox_must_be_on_this_machine() -> None:
    local = replace(SETTINGS, sandbox_url="http://127.0.0.1:1")
    with pytest.raises(AddressRefused):
        found("192.147.130.1", local, host="example.com")
    [login] = found("127.0.0.1", local, host="127.0.0.1")
    assert login.parameters()["sslmode"] == "disable"


@pytest.mark.parametrize(
    "body", [{"port": "80"}, {"port": 0}, {"port": None}, {"port": True}, {"dbName": ""}], ids=repr
)
def test_invalid_parameters_are_transient(body: dict[str, object]) -> None:
    with pytest.raises(ServiceUnavailable):
        found(**body)


def test_a_companys_certificates_are_used(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    [login] = found(surroundings=NetworkSettings(ca_bundle=bundle))
    assert login.parameters()["sslrootcert"] == str(bundle)
    with pytest.raises(LakeNotReadable, match="folder"):
        found(surroundings=NetworkSettings(ca_bundle=tmp_path))


def test_a_retired_data_access_is_named(client: AepClient, sandbox: AepSandbox, dataset: Dataset) -> None:
    sandbox.settings(data_access="retired")
    with client.lake_reader("data_access") as reader:
        assert "410" in str(refusal(reader, dataset, LakeNotReadable))


@pytest.mark.parametrize("honest", [True, False], ids=["whole by its framing", "cut"])
def test_a_truncated_file_is_transient(
    client: AepClient, sandbox: AepSandbox, dataset: Dataset, honest: bool
) -> None:
    sandbox.plan_fault(
        "cut", path_regex=r"/data/foundation/export/files/", query="path=", honest=honest, times=None
    )
    with client.lake_reader("data_access") as reader:
        refusal(reader, dataset, ServiceUnavailable)
        sandbox.forget_faults()
        assert len(reader.fingerprints(dataset, DAY, NEXT)) == 1


def test_a_file_of_another_format_is_an_error(
    client: AepClient, sandbox: AepSandbox, dataset: Dataset
) -> None:
    """Unreadable rows must not be reported as lost rows."""
    listed = {"data": [{"name": "_SUCCESS"}, {"name": "part-0.csv"}], "_page": {"limit": 100, "count": 2}}
    sandbox.plan_fault(
        "answer", path_regex=r"/data/foundation/export/files/", status=200, body_json=listed, times=None
    )
    with client.lake_reader("data_access") as reader:
        assert "not Parquet" in str(refusal(reader, dataset, LakeNotReadable))
