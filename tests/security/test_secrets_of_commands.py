"""No secret is in what a command prints, logs or writes: the lake, with what ``forget`` leaves in it, and pipeline files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import yaml

from include.aep.setup import field_group as plans
from include.cli.__main__ import main
from include.config.loader import PIPELINES
from include.lake.signing_keys import SIGNING_KEYS_ENVIRONMENT
from include.xdm.mapping import mapping_file
from tests.security.canary_run import all_logs, let_in_canaries
from tests.support import canaries
from tests.support.canaries import find_canaries, find_in
from tests.support.command_line import change
from tests.support.forgotten_people import ANNA
from tests.support.pipeline_runner import CONNECTIONS, quick_sandbox
from tests.support.sandbox.flow_client import Client

pytestmark = [pytest.mark.sandbox, pytest.mark.case("M07")]
DAY, NOON = "2026-07-01", 1_782_907_200
SECRETS = {
    "mixpanel": {"conn_login": canaries.MIXPANEL_USER, "conn_password": canaries.MIXPANEL_SECRET},
    "adobe_experience_platform": {"conn_password": canaries.AEP_SECRET},
}


@dataclass
class Console:
    """The command line with canaries as its credentials; ``said``: what it has printed and logged."""

    url: str
    folder: Path
    capsys: pytest.CaptureFixture[str]
    said: str = ""

    def run(self, *argv: str, lake: str = "lake", code: int | None = 0) -> None:
        options = ["--connections", str(self.folder / "connections.yaml"), "--pipelines", str(self.pipelines)]
        if argv[0] != "migrate":
            options += ["--lake", f"file://{self.folder}/{lake}"]
        with all_logs() as logs:
            ended = main([*argv, *options])
        found = self.capsys.readouterr()
        self.said += found.out + found.err + logs.getvalue()
        assert code is None or ended == code, (argv, found)

    @property
    def pipelines(self) -> Path:
        return self.folder / "pipelines"

    def post(self, path: str, body: Any) -> None:
        requests.post(f"{self.url}/_sandbox{path}", json=body, timeout=20).raise_for_status()

    def assert_no_secret(self, *folders: str) -> None:
        assert find_in(self.said) == []
        for folder in folders:
            assert any((self.folder / folder).rglob("*")), folder
        assert find_canaries([self.folder / folder for folder in folders]) == []


@pytest.fixture
def console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Console]:
    pipelines = shutil.copytree(PIPELINES, tmp_path / "pipelines")
    monkeypatch.setattr(mapping_file, "MAPPINGS", pipelines / "mappings")
    monkeypatch.setattr(plans, "FIELD_GROUPS", pipelines / "field_groups")
    monkeypatch.setenv(SIGNING_KEYS_ENVIRONMENT, canaries.LAKE_SECRET)
    with quick_sandbox(tmp_path / "sandbox") as server:
        port = urlsplit(server.url).port
        rows = [row | {"conn_port": port} | SECRETS[row["conn_type"]] for row in CONNECTIONS.values()]
        (tmp_path / "connections.yaml").write_text(yaml.safe_dump({"airflow": {"connections": rows}}))
        for name in ("mixpanel_hostile", "mixpanel_shop"):
            let_in_canaries(server.url, CONNECTIONS[name]["conn_extra"]["project_id"])
        yield Console(server.url, tmp_path, capsys)


def test_m07_commands_of_a_day_and_of_a_forgotten_person_leave_no_secret(console: Console) -> None:
    seen = {"time": NOON, "distinct_id": ANNA, "$user_id": ANNA, "$insert_id": "a1", "late": "x" * 9}
    project = CONNECTIONS["mixpanel_hostile"]["conn_extra"]["project_id"]
    console.post(f"/mixpanel/projects/{project}/events", {"events": [{"event": "Seen", "properties": seen}]})
    change(console.pipelines / "hostile.yaml", ("max_quarantined: 20%", "max_quarantined: 100%"))
    for line in (
        "check hostile", "plan hostile", "apply hostile", f"run hostile {DAY}", "check hostile", "status hostile",
        f"verify hostile {DAY}", f"preview hostile {DAY}", "discover hostile", "quarantine list hostile",
        f"ledger show hostile {DAY}", "clean hostile --dry-run", f"forget hostile --distinct-id {ANNA} --yes",
        f"run hostile {DAY} --again", f"run hostile {DAY} --replace", f"verify hostile {DAY} --json", "recover hostile",
    ):  # fmt: skip
        # The sandbox's clock is not this machine's, so `check` may find no events of the last days.
        console.run(*line.split(), code=None if line == "check hostile" else 0)
    suppressed = list((console.folder / "lake/_suppressed").rglob("*.json"))
    assert suppressed and list((console.folder / "lake").rglob("removed.json"))
    console.assert_no_secret("lake", "pipelines")


def test_m07_a_migrated_dataflow_leaves_its_secret_with_adobe(console: Console) -> None:
    client = Client(console.url)
    client.client_secret = canaries.AEP_SECRET
    schema = client.schema()
    account = {"username": canaries.MIXPANEL_USER, "password": canaries.MIXPANEL_SECRET}
    body = client.flow_body(
        client.source(client.connection(**account), CONNECTIONS["mixpanel_shop"]["conn_extra"]["project_id"], "UTC"),
        client.target(client.add_dataset(schema=schema)),
        client.mapping(schema),
        startTime=str(NOON), frequency="day", interval=15,
    )  # fmt: skip
    flow = client.flow(body)
    console.run("migrate")
    console.run("migrate", flow, "--name", "native", "--write")
    assert (console.pipelines / "native.yaml").exists()
    console.assert_no_secret("pipelines")


def test_m07_what_is_searched_for_was_at_work(console: Console) -> None:
    """The search finds a secret that a command leaves: here because it is the text of an event's property."""
    leaked = {"time": NOON, "distinct_id": "u", "$insert_id": "a1", "plan": canaries.AEP_SECRET}
    project = CONNECTIONS["mixpanel_hostile"]["conn_extra"]["project_id"]
    console.post(
        f"/mixpanel/projects/{project}/events", {"events": [{"event": "Seen", "properties": leaked}]}
    )
    console.run("apply", "hostile")
    console.run("run", "hostile", DAY)
    with pytest.raises(AssertionError):
        console.assert_no_secret("lake")
