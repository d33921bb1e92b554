"""``migrate``: Adobe's own dataflow becomes a pipeline, and no day is missing or duplicated after the switch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from include.cli.__main__ import main
from scripts.demo.evidence import Sandbox
from tests.support.command_line import Printed, change
from tests.support.pipeline_runner import CONNECTIONS
from tests.support.sandbox.flow_client import Client

pytestmark = pytest.mark.sandbox
PROJECT = 3_000_002
"""The shop's project, which counts days in UTC."""
TIMESTAMP = {
    "sourceType": "EXPRESSION",
    "source": "dformat(data.time * 1000, \"yyyy-MM-dd'T'HH:mm:ss.SSSX\")",
    "destination": "timestamp",
}
RANDOM_ID = {"sourceType": "EXPRESSION", "source": "uuid()", "destination": "_id"}
Migrate = Callable[..., Printed]


@pytest.fixture
def client(port: int, empty_sandbox: None) -> Client:
    client = Client(f"http://127.0.0.1:{port}")
    client.clock.set("2026-06-30T00:00:00Z", freeze=True)
    client.settings(batch_seconds=0, token_seconds=10**9)
    return client


@pytest.fixture
def migrate(
    client: Client, connections: Path, pipelines: Path, capsys: pytest.CaptureFixture[str]
) -> Migrate:
    def run(*argv: str) -> Printed:
        options = ["--connections", str(connections), "--pipelines", str(pipelines)]
        code = main(["migrate", *argv, *options])
        found = capsys.readouterr()
        return Printed(code, found.out, found.err)

    return run


def start(client: Client, at: int, **schedule: object) -> tuple[str, str]:
    """Create a dataflow of the shop's project from ``at`` (epoch seconds) on; return its id and its dataset's."""
    schema = client.schema()
    dataset = client.add_dataset(schema=schema)
    body = client.flow_body(
        client.source(client.connection(), PROJECT, "UTC"),
        client.target(dataset),
        client.mapping(schema, RANDOM_ID, TIMESTAMP),
        startTime=str(at),
        backfill="false",
        **schedule,
    )
    return client.flow(body), dataset


JUNE_30, NOON = 1_782_777_600, 1_782_820_800
"""Midnight and noon of 30 June 2026, in UTC."""


def test_a_dataflow_is_found_read_and_shown(client: Client, migrate: Migrate, pipelines: Path) -> None:
    assert "no dataflow of Adobe's Mixpanel source" in migrate().out
    flow, _ = start(client, JUNE_30, frequency="hour", interval=24)
    assert flow in migrate().out
    found = migrate(flow, "--name", "native")
    assert found.code == 0, found
    for sentence in (
        "project 3000002, region us, UTC",
        "every 24 hours",
        "The mapping of _id is left out: it is random",
        "Create connection mixpanel_native with the service account",
        "Nothing was written",
    ):
        assert sentence in found.out
    assert not (pipelines / "native.yaml").exists()


def end(client: Client, flow: str, at: str) -> None:
    """Let a dataflow run until a time, and disable it."""
    client.clock.set(at, freeze=True)
    for _ in range(20):  # Each read of the runs advances one of them.
        statuses = {run["metrics"]["statusSummary"]["status"] for run in client.runs(flow)}
    assert statuses == {"success"}
    client.ok("POST", f"/data/foundation/flowservice/flows/{flow}/action?op=DISABLE")


def use_the_shops_connection(pipelines: Path) -> None:
    change(pipelines / "native.yaml", ("conn_id: mixpanel_native", "conn_id: mixpanel_shop"))


def test_after_the_switch_no_day_is_missing_or_duplicated(
    client: Client, migrate: Migrate, printed: Callable[..., Printed], pipelines: Path
) -> None:
    """The dataflow loads 30 June and ends at midnight; the pipeline continues in its dataset with 1 July."""
    flow, dataset = start(client, JUNE_30, frequency="hour", interval=24)
    advice = migrate(flow, "--name", "native", "--json").json["switch"]
    assert advice["in_place"]
    assert "Disable the dataflow before its next run" in advice["sentences"][1]

    end(client, flow, "2026-07-01T00:00:01Z")
    found = migrate(flow, "--name", "native", "--write", "--json").json
    assert found["switch"]["in_place"]
    assert found["switch"]["sentences"] == ["The dataflow has ended with 2026-06-30."]
    assert found["switch"]["day"] == "2026-07-01"
    text = yaml.safe_load((pipelines / "native.yaml").read_text())
    assert (str(text["start_date"]), text["unmapped"]) == ("2026-07-01", "drop")

    use_the_shops_connection(pipelines)
    client.clock.reset()
    sandbox = Sandbox(client.url)
    assert printed("apply", "native").code == 0
    of_adobe = {batch for _, batch in sandbox.active(text["aep"]["dataset"])}
    assert of_adobe
    ran = printed("run", "native", "2026-07-01", "2026-07-02", "--json")
    assert ran.code == 0, ran
    active = list(sandbox.active(text["aep"]["dataset"]))
    assert max(Counter(identity for identity, _ in active).values()) == 1
    ours = Counter(batch for _, batch in active if batch not in of_adobe)
    assert sorted(ours.values()) == sorted(day["added"] for day in ran.json["days"])
    days = {row["timestamp"][:10] for row in client.preview(dataset)}
    assert days <= {"2026-06-30", "2026-07-01", "2026-07-02"}


def test_a_dataflow_that_ended_within_a_day_is_not_continued_in_its_dataset(
    client: Client, migrate: Migrate, printed: Callable[..., Printed], pipelines: Path
) -> None:
    """Its last day would be duplicated in one dataset. In a separate one the pipeline loads every day once."""
    flow, _ = start(client, NOON, frequency="hour", interval=15)
    end(client, flow, "2026-07-02T20:00:00Z")
    found = migrate(flow, "--name", "native", "--write", "--json").json
    assert (found["switch"]["in_place"], found["switch"]["day"]) == (False, "2026-06-30")
    assert "The dataflow ended in the middle of 2026-07-02" in found["switch"]["sentences"][0]
    assert [change["kind"] for change in found["plan"]["changes"]].count("create_dataset") == 1
    use_the_shops_connection(pipelines)
    client.clock.reset()

    assert printed("apply", "native").code == 0
    days = ("2026-06-30", "2026-07-02")
    assert printed("run", "native", *days).code == 0
    verified = printed("verify", "native", "..".join(days), "--json").json
    assert verified["counts"]["partitions"] == 3
    assert {verified["counts"][name] for name in ("lost", "duplicate", "phantom")} == {0}
    assert Counter(day["state"] for day in printed("status", "native", "--json").json["days"])["active"] >= 3


def test_an_existing_file_is_not_overwritten(client: Client, migrate: Migrate, pipelines: Path) -> None:
    flow, _ = start(client, JUNE_30, frequency="day", interval=15)
    before = (pipelines / "shop.yaml").read_text()
    found = migrate(flow, "--name", "shop", "--write")
    assert (found.code, "already" in found.err) == (1, True)
    assert (pipelines / "shop.yaml").read_text() == before
    assert migrate("00000000-0000-0000-0000-000000000000").code == 1


def test_the_secret_of_the_dataflow_is_never_shown(client: Client, migrate: Migrate) -> None:
    flow, _ = start(client, JUNE_30, frequency="day", interval=15)
    found = migrate(flow, "--json")
    assert str(CONNECTIONS["mixpanel_shop"]["conn_password"]) not in found.out + found.err
