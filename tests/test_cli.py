"""The command line, as a person uses it: against a sandbox, without Airflow."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import nullcontext, redirect_stderr
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import time_machine
import yaml

from include.aep.setup import field_group as plans
from include.cli import printing
from include.cli.__main__ import main
from include.cli.project import Project
from include.clock import SYSTEM_CLOCK
from include.config.loader import PIPELINES
from include.lake.lake import Lake
from include.xdm import field_names, mapping_file
from tests.carrying import CONNECTIONS, quick_sandbox
from tests.faults.s3 import proxied
from tests.storing import s3_stand_in

pytestmark = pytest.mark.sandbox
SECRETS = {str(row["conn_password"]) for row in CONNECTIONS.values()}
Cli = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with quick_sandbox(tmp_path_factory.mktemp("sandbox")) as server:
        yield urlsplit(server.url).port or 0


@pytest.fixture
def pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's pipelines with all that they name."""
    copy = shutil.copytree(PIPELINES, tmp_path / "pipelines")
    monkeypatch.setattr(mapping_file, "MAPPINGS", copy / "mappings")
    monkeypatch.setattr(plans, "FIELD_GROUPS", copy / "field_groups")
    monkeypatch.setattr(field_names, "NAMES", copy / "names")
    return copy


@pytest.fixture
def cli(tmp_path: Path, port: int, pipelines: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command with connections to the sandbox; returns its exit code and all that it printed.

    AEP is empty at first: a dataset that another test's lake has tagged would be refused, the lake being lost.
    """
    for path, body in (("reset", None), ("aep/settings", {"batch_seconds": 0})):
        requests.post(f"http://127.0.0.1:{port}/_sandbox/{path}", json=body, timeout=20).raise_for_status()
    rows = [row | {"conn_port": port} for row in CONNECTIONS.values()]
    connections = tmp_path / "connections.yaml"
    connections.write_text(yaml.safe_dump({"airflow": {"connections": rows}}))

    def run(*argv: str, lake: str = f"file://{tmp_path}/lake") -> tuple[int, str]:
        """The line that names the lake is checked here, and taken off."""
        options = [
            "--connections",
            str(connections),
            "--pipelines",
            str(pipelines),
            "--lake",
            lake,
        ]
        code = main([*argv, *options])
        printed = capsys.readouterr()
        text = printed.out + printed.err
        assert not [secret for secret in SECRETS if secret in text]
        named = f"   lake      {lake} (from --lake)\n"
        if named in text:
            aside = argv[0] == "preview" or "--json" in argv
            assert named in (printed.err if aside else printed.out)
        else:
            assert code == 1 or argv[0] == "preview", "every command names its lake"
        return code, text.replace(named, "", 1)

    return run


def change(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def test_a_lake_is_cleaned_and_an_export_that_is_gone_is_not_discovered(
    cli: Cli, pipelines: Path, tmp_path: Path
) -> None:
    change(pipelines / "shop.yaml", ("events: [] ", "events: [Searched] "))
    with (pipelines / "shop.yaml").open("a") as file:
        file.write("retention: {raw_days: 30}\n")
    assert cli("apply", "shop")[0] == 0
    assert cli("run", "shop", "2026-07-01")[0] == 0
    files = {path for path in tmp_path.glob("lake/shop/*/*/*/*") if path.name != "manifest.json"}
    assert cli("clean", "shop")[1].startswith("ok clean     0 objects of 0 bytes removed")
    for days in (31, 32):
        with time_machine.travel(datetime.now(UTC) + timedelta(days=days), tick=True):
            code, text = cli("clean", "shop", "--dry-run")
            assert (code, text.startswith("ok would ")) == (0, True)
            assert cli("clean", "shop")[1] == text.replace("would", "clean")
    assert files
    assert not any(path.exists() for path in files)
    code, text = cli("discover", "shop")
    assert (code, "The lake has no exported day of pipeline shop." in text) == (1, True)
    assert cli("preview", "shop", "2026-07-01", "--rows", "1")[0] == 0


def test_a_day_is_carried_and_what_it_holds_is_discovered_planned_and_loaded(
    cli: Cli, pipelines: Path
) -> None:
    """The whole way of a person who sets a pipeline up, in one test, because each command builds on the last."""
    change(pipelines / "shop.yaml", ("events: [] ", "events: [Searched] "))
    assert cli("apply", "shop")[0] == 0
    code, text = cli("plan", "shop")
    assert (code, text) == (0, "AEP has everything. Nothing to do.\n")
    code, text = cli("run", "shop", "2026-07-01")
    assert code == 0
    assert [line.split()[1] for line in text.splitlines()] == [
        "export",
        "transform",
        "validate",
        "stage",
        "ingest",
    ]
    code, text = cli("check", "shop")
    assert code == 0, text
    assert "time_is: utc agrees (2026-07-01 to 2026-07-01 in the lake)" in text

    before = {path.name: path.read_text() for path in pipelines.rglob("shop.json")}
    code, text = cli("discover", "shop")
    assert "Nothing was written" in text
    assert {path.name: path.read_text() for path in pipelines.rglob("shop.json")} == before
    assert "u-1" not in text, "a value of a customer's"
    code, text = cli("discover", "shop", "--write")
    assert code == 0
    names = json.loads((pipelines / "names/shop.json").read_text())["fields"]
    assert names["properties.mp_sent_by_lib_version"]["field"] == "mixpanel.custom.mp_sent_by_lib_version"
    assert "0 new fields" in cli("discover", "shop", "--write")[1]

    code, text = cli("plan", "shop")
    assert "  mixpanel.custom  object\n" in text
    assert cli("apply", "shop")[0] == 0
    assert cli("check", "shop")[0] == 0
    code, text = cli("preview", "shop", "2026-07-01")
    (row, *_) = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert row["_acmesandbox"]["mixpanel"]["custom"]["mp_event_size_1014d8bf"] > 0


def test_plan_and_apply_print_the_same_plan_as_json(cli: Cli) -> None:
    def printed(*argv: str) -> dict[str, Any]:
        code, text = cli(*argv, "--json")
        assert code == 0
        found: dict[str, Any] = json.loads(text)
        return found

    planned, applied = printed("plan", "shop"), printed("apply", "shop")
    assert planned["changes"] == applied["changes"]
    assert {change["kind"] for change in planned["changes"] if change["permanent"]} == {
        "create_namespace",
        "create_field_group",
    }
    assert (planned["schema"], planned["dataset"]) == (None, None)
    again = printed("plan", "shop")
    assert (again["changes"], again["schema"], again["dataset"]) == (
        [],
        applied["schema"],
        applied["dataset"],
    )


def test_plan_tells_what_takes_more_and_what_aep_alone_has(cli: Cli, pipelines: Path) -> None:
    path = pipelines / "field_groups/mixpanel-defaults.json"
    group = json.loads(path.read_text()) | {"title": "Growing"}

    def write(**fields: Any) -> None:
        group["properties"]["mixpanel"]["properties"]["custom"] = {"type": "object", "properties": fields}
        path.write_text(json.dumps(group))

    write(extra={"type": "string", "maxLength": 5}, spare={"type": "string"})
    assert cli("apply", "hostile")[0] == 0
    write(extra={"type": "string"})
    title = "+            loosen in field group 'Growing': 1 field (cannot be undone; from aep.field_group)"
    looser = "     mixpanel.custom.extra  maxLength 5 is given up"
    note = "!            AEP has a field mixpanel.custom.spare (string) that the file lacks; it stays."
    assert cli("plan", "hostile") == (0, f"{title}\n{looser}\n{note}\n")
    code, text = cli("apply", "hostile")
    assert (code, text.splitlines()[1:]) == (0, [note])
    assert text.startswith(
        "+            loosened in field group 'Growing': mixpanel.custom.extra (maxLength 5"
    )
    assert cli("apply", "hostile") == (0, f"{note}\nAEP has everything. Nothing was changed.\n")
    assert cli("plan", "hostile") == (0, f"{note}\nAEP has everything. Nothing to do.\n")


def test_values_are_shown_only_when_asked_for(cli: Cli) -> None:
    code, hidden = cli("discover", "shop", "--export", "--limit", "200")
    assert code == 0
    assert "Berlin" not in hidden
    assert "Berlin" in cli("discover", "shop", "--export", "--limit", "200", "--show-values")[1]


ODD_LINES = [
    *(
        b'{"event":"A","properties":{"time":%s,"mp_lib":"unity","$mp_api_timestamp_ms":%s,"$insert_id":"%d"}}'
        % (time, arrival, number)
        for number, time in enumerate((b"1782907200", b"1782907200.5", b"1e300", b"-1", b'"x"', b"[]"))
        for arrival in (
            b"1782907200000000000",
            b"1782907200000000",
            b"-1",
            b"253402300800000",
            b"1e400",
            b"null",
        )
    ),
    b'{"event":"A","properties":{"time":1782907200,"x":%s%s}}' % (b"[" * 1200, b"]" * 1200),
    b"\xff",
    b"{",
]


def test_what_an_event_says_of_its_times_stops_neither_check_nor_preview_nor_discover(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Project, "sample", lambda *arguments: nullcontext(iter(ODD_LINES)))
    code, text = cli("check", "hostile")
    assert code == 0
    assert "0 of 0 live events" in text
    # As many events as there are differences: none of these is common.
    spread = [
        b'{"event":"A","properties":{"time":%d,"mp_lib":"web","$mp_api_timestamp_ms":1782907200000}}'
        % (1782907200 - 900 * number)
        for number in range(40)
    ]
    monkeypatch.setattr(Project, "sample", lambda *arguments: nullcontext(iter(spread)))
    assert "is neither confirmed nor contradicted" in cli("check", "hostile")[1]
    monkeypatch.setattr(Project, "sample", lambda *arguments: nullcontext(iter(ODD_LINES)))
    assert cli("apply", "hostile")[0] == 0
    with redirect_stderr(StringIO()) as aside:
        code, _ = cli("preview", "hostile", "2026-07-01")
    assert code == 0
    assert "2 of 39 events are mapped" in aside.getvalue()
    assert cli("discover", "hostile", "--export")[0] == 0


def test_check_refuses_a_pipeline_whose_time_the_data_contradict(cli: Cli, pipelines: Path) -> None:
    change(pipelines / "shop.yaml", ("time_is: utc ", "time_is: project_local "))
    code, text = cli("check", "shop")
    assert code == 1
    assert re.search(
        r"^no time .*says time_is: project_local, but \d+ of \d+ live events", text, re.MULTILINE
    )


def test_check_refuses_a_zone_that_is_not_the_projects_where_time_is_local(cli: Cli, pipelines: Path) -> None:
    change(pipelines / "adobe-tutorial.yaml", ("Pacific Standard Time", "Europe/Paris"))
    code, text = cli("check", "adobe-tutorial")
    assert code == 1
    assert "Mixpanel says that the project's zone is America/Los_Angeles" in text


def test_check_refuses_a_field_group_that_is_no_file(cli: Cli, pipelines: Path) -> None:
    change(pipelines / "shop.yaml", ("field_group: shop.json", "field_group: shops.json"))
    code, text = cli("check", "shop")
    assert code == 1
    assert "no AEP       There is no file shops.json in include/pipelines/field_groups." in text


def test_check_refuses_a_lake_that_anyone_can_read(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("apply", "shop")[0] == 0
    monkeypatch.setattr(Lake, "on_this_machine", False)
    monkeypatch.setattr(Lake, "open_to_anyone", lambda lake: True)
    code, text = cli("check", "shop")
    assert code == 1
    assert re.search(r"^no lake .*Anyone can read the lake file://", text, re.MULTILINE)


def test_check_refuses_a_lake_that_other_users_can_enter_and_names_the_command(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "lake").mkdir(mode=0o755)
    (tmp_path / "lake").chmod(0o755)
    code, text = cli("check", "shop")
    assert code == 1
    assert re.search(r"^no lake .*\(mode 0755\).* Run: chmod -R go-rwx /", text, re.MULTILINE)
    subprocess.run(shlex.split(text.partition("Run: ")[2].splitlines()[0]), check=True)
    assert cli("check", "shop")[0] == 0


def test_check_refuses_a_store_that_does_not_keep_create_only_puts(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with s3_stand_in("lake") as behind, proxied(behind) as s3:
        s3.conditions = "stripped"
        for name, value in (
            ("AWS_ENDPOINT_URL", s3.url),
            ("AWS_ACCESS_KEY_ID", "k"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_REGION", "eu-north-1"),
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(Lake, "open_to_anyone", lambda lake: False)
        code, text = cli("check", "shop", lake="s3://lake/x")
        assert code == 1
        assert re.search(
            r"^no lake .*s3://lake/x does not keep create-only puts: it accepted", text, re.MULTILINE
        )
        s3.conditions = "kept"
        assert cli("check", "shop", lake="s3://lake/x")[0] == 0


def test_check_names_an_event_that_mixpanel_does_not_have(cli: Cli, pipelines: Path, port: int) -> None:
    today = {"time": int(SYSTEM_CLOCK.seconds()) - 3600, "distinct_id": "u", "$insert_id": "today"}
    project = CONNECTIONS["mixpanel_shop"]["conn_extra"]["project_id"]
    requests.post(
        f"http://127.0.0.1:{port}/_sandbox/mixpanel/projects/{project}/events",
        json={"events": [{"event": "Searched", "properties": today}]},
        timeout=10,
    ).raise_for_status()
    change(pipelines / "shop.yaml", ("events: [] ", "events: [Searched, serched, Searchd] "))
    code, text = cli("check", "shop")
    assert code == 1
    assert re.search(
        r"^no events .*Mixpanel has no event 'serched', 'Searchd' from 2026-06-30 to 2026-07-02",
        text,
        re.MULTILINE,
    )
    assert "Similar names: 'serched': 'Searched', 'Searchd': 'Searched'." in text
    change(pipelines / "shop.yaml", ("serched, Searchd", "Signed up"))
    assert "Mixpanel has" in cli("check", "shop")[1]


def test_check_finds_a_rare_event_without_the_query_api(cli: Cli, pipelines: Path, port: int) -> None:
    """A plan without the Query API answers 402; an event may also be older than its 31 days."""
    requests.post(
        f"http://127.0.0.1:{port}/_sandbox/faults",
        json={"match": {"path": "/api/query/*"}, "action": {"do": "answer", "status": 402}},
        timeout=10,
    ).raise_for_status()
    change(pipelines / "shop.yaml", ("events: [] ", "events: [Searched] "))
    code, text = cli("check", "shop")
    assert code == 0, text
    assert "ok events    Mixpanel has 1 of 1 events" in " ".join(text.split(" ")).replace(
        "ok  events", "ok events"
    )


def test_check_has_mixpanel_judge_where(cli: Cli, pipelines: Path) -> None:
    path = pipelines / "shop.yaml"
    path.write_text(
        path.read_text().replace("events: [] ", 'where: \'properties["x"] == "y"\'\n  events: [] ')
    )
    code, text = cli("check", "shop")
    assert code == 0, text
    assert "accepts where" in text
    path.write_text(path.read_text().replace('== \\"y\\"', "=== (").replace('== "y"', "=== ("))
    code, text = cli("check", "shop")
    assert code == 1
    assert re.search(
        r"^no events .*Mixpanel refused to export .*HTTP 400.*mixpanel\.where", text, re.MULTILINE
    )


def test_every_check_is_told_though_one_refuses(
    cli: Cli, pipelines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = CONNECTIONS["aep_default"]
    wrong: dict[str, Any] = {
        "conn_type": row["conn_type"],
        "login": row["conn_login"],
        "password": "p-wrong-not-real",
        "host": row["conn_host"],
        "port": 1,
        "extra": json.dumps(row["conn_extra"]),
    }
    monkeypatch.setenv("AIRFLOW_CONN_AEP_DEFAULT", json.dumps(wrong | {"extra": "{}"}))
    code, text = cli("check", "shop")
    assert code == 1
    assert [line[:2] for line in text.splitlines()] == [
        "ok",
        "ok",
        "ok",
        "ok",
        "no",
        "no",
        "no",
        "ok",
        "no",
        "no",
        "ok",
    ]
    assert "p-wrong-not-real" not in text


def test_check_keeps_nobody_waiting_for_a_closed_port_and_names_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = CONNECTIONS["mixpanel_shop"]
    closed = {name.removeprefix("conn_"): value for name, value in row.items() if name != "conn_id"} | {
        "port": 1
    }
    monkeypatch.setenv("AIRFLOW_CONN_MIXPANEL_SHOP", json.dumps(closed))
    waits: list[float] = []
    monkeypatch.setitem(vars(SYSTEM_CLOCK), "sleep", waits.append)
    code, text = cli("check", "shop")
    assert code == 1
    assert "no Mixpanel  Mixpanel could not be reached" in text
    assert "(ConnectionError at 127.0.0.1:1)" in text
    assert len(waits) == 2, "one for the account, one for the sample"
    assert sum(waits) < 20


def test_a_mapping_that_is_a_bare_list_grows_and_stays_one(cli: Cli, pipelines: Path) -> None:
    path = pipelines / "mappings" / "mixpanel-defaults.json"
    before = json.loads(path.read_text())["mappings"]
    path.write_text(json.dumps(before))
    code, text = cli("discover", "hostile", "--export", "--days", "60", "--write")
    assert code == 0, text
    after = json.loads(path.read_text())
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_columns_stay_in_line_beside_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    printing.table("", [("価格", "1"), ("four", "2")])
    assert capsys.readouterr().out.splitlines() == ["   価格  1", "   four  2"]


def test_a_connection_in_the_environment_is_json_and_never_told(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AEP_DEFAULT", "aep://login:p-secret-not-real@host")
    code, text = cli("plan", "shop")
    assert code == 1
    assert "AIRFLOW_CONN_AEP_DEFAULT is no JSON object" in text
    assert "p-secret-not-real" not in text


def test_a_run_before_its_day_has_settled_says_so(cli: Cli) -> None:
    assert cli("apply", "hostile")[0] == 0
    with time_machine.travel(datetime(2026, 7, 2, 0, 5, tzinfo=UTC)):
        code, text = cli("run", "hostile", "2026-07-01")
    assert code == 0, text
    assert "!  run       2026-07-01 settles at 2026-07-02 06:00 UTC" in text


def test_a_pipeline_of_another_folder_takes_no_rows_out_and_setup_names_the_former_owner(
    cli: Cli, pipelines: Path
) -> None:
    """Two folders, one lake, one dataset."""
    mine, yours = pipelines / "mine.yaml", pipelines / "yours.yaml"
    shutil.move(pipelines / "hostile.yaml", mine)
    assert cli("apply", "mine")[0] == 0
    assert cli("run", "mine", "2026-07-01")[0] == 0
    shutil.move(mine, yours)
    for command in (("check", "yours"), ("apply", "yours"), ("plan", "yours")):
        code, text = cli(*command)
        assert (code, "belongs to pipeline mine" in text) == (1, True), text
        assert "write formerly: mine below aep in yours.yaml" in text
    code, text = cli("run", "yours", "2026-07-01", "--replace")
    assert (code, "may add rows and not replace any" in text) == (1, True)
    assert "this run added 0" in cli("run", "yours", "2026-07-01")[1]
    change(yours, ("\naep:\n", "\naep:\n  formerly: mine\n"))
    assert "aep.formerly says; apply gives it" in cli("check", "yours")[1]
    assert "yours, instead of mine" in cli("plan", "yours")[1]
    assert cli("apply", "yours")[0] == 0
    assert cli("run", "yours", "2026-07-01", "--replace")[0] == 0


def test_plan_sends_nothing(cli: Cli) -> None:
    first = cli("plan", "adobe-tutorial")
    assert "create field group" in first[1]
    assert cli("plan", "adobe-tutorial") == first


def test_preview_prints_rows_of_a_sample_and_keeps_nothing(cli: Cli, tmp_path: Path) -> None:
    assert cli("apply", "hostile")[0] == 0
    with redirect_stderr(StringIO()) as aside:
        code, text = cli("preview", "hostile", "2026-06-28", "--rows", "2")
    assert code == 0
    assert "events are mapped" in aside.getvalue()
    assert f"lake      file://{tmp_path}/lake (from --lake)" in aside.getvalue()
    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == 1, "the day has one event"
    assert {"_id", "timestamp", "identityMap"} <= rows[0].keys()
    assert re.fullmatch(r"2026-06-28T\d\d:\d\d:\d\d\.\d{3}Z", rows[0]["timestamp"]), "as AEP is sent it"
    assert not list((tmp_path / "lake").rglob("manifest.json"))


def test_a_copy_that_still_writes_to_the_first_ones_dataset_is_refused(cli: Cli, pipelines: Path) -> None:
    shutil.copy(pipelines / "shop.yaml", pipelines / "copy.yaml")
    (pipelines / "broken.yaml").write_text("nothing: here")
    sentence = "Pipelines copy.yaml and shop.yaml both write to dataset 'Mixpanel Shop Events'"
    for name in ("copy", "shop"):
        code, text = cli("check", name)
        assert code == 1
        assert sentence in text


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("check", "nope"), "There is no pipeline 'nope'. There are: adobe-tutorial, hostile, shop."),
        (("discover", "shop"), "The lake has no exported day of pipeline shop."),
        (
            ("run", "shop", "2026-07-02", "2026-07-01"),
            "A run cannot end (2026-07-01) before it begins (2026-07-02).",
        ),
        (("run", "shop", "2020-01-01"), "is before the start_date 2026-06-30"),
        (("run", "shop", "2026-07-03"), "is after the end_date 2026-07-02"),
    ],
)
def test_a_refusal_is_a_sentence_and_exit_code_1(cli: Cli, argv: tuple[str, ...], sentence: str) -> None:
    code, text = cli(*argv)
    assert code == 1
    assert sentence in text


@pytest.mark.parametrize(
    "argv", [(), ("paint",), ("run", "shop"), ("run", "shop", "today"), ("discover", "shop", "--days", "0")]
)
def test_wrong_usage_is_exit_code_2(argv: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
