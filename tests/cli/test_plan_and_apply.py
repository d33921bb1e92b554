"""``plan`` shows what ``apply`` creates."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.command_line import Cli, change

pytestmark = pytest.mark.sandbox


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
    assert planned["changes"][-1]["config_key"].startswith("aep.")
    assert (planned["schema"], planned["dataset"]) == (None, None)
    again = printed("plan", "shop")
    assert (again["changes"], again["schema"], again["dataset"]) == (
        [],
        applied["schema"],
        applied["dataset"],
    )


def test_plan_reports_relaxed_constraints_and_fields_only_in_aep(cli: Cli, pipelines: Path) -> None:
    path = pipelines / "field_groups/mixpanel-defaults.json"
    group = json.loads(path.read_text()) | {"title": "Growing"}

    def write(**fields: Any) -> None:
        group["properties"]["mixpanel"]["properties"]["custom"] = {"type": "object", "properties": fields}
        path.write_text(json.dumps(group))

    write(extra={"type": "string", "maxLength": 5}, spare={"type": "string"})
    assert cli("apply", "hostile")[0] == 0
    write(extra={"type": "string"})
    title = "+            relax constraints in field group 'Growing': 1 field (cannot be undone; from aep.field_group)"
    looser = "     mixpanel.custom.extra  maxLength 5 is removed"
    note = "!            AEP has a field mixpanel.custom.spare (string) that is not in the file; it is kept."
    assert cli("plan", "hostile") == (0, f"{title}\n{looser}\n{note}\n")
    code, text = cli("apply", "hostile")
    assert (code, text.splitlines()[1:]) == (0, [note])
    assert text.startswith(
        "+            relaxed constraints in field group 'Growing': mixpanel.custom.extra (maxLength 5"
    )
    assert cli("apply", "hostile") == (0, f"{note}\nAEP has everything. Nothing was changed.\n")
    assert cli("plan", "hostile") == (0, f"{note}\nAEP has everything. Nothing to do.\n")


def test_a_pipeline_of_another_folder_removes_no_rows_and_setup_names_the_former_owner(
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
    assert (code, "may add rows to it but not replace any" in text) == (1, True)
    assert "this run added 0" in cli("run", "yours", "2026-07-01")[1]
    change(yours, ("\naep:\n", "\naep:\n  formerly: mine\n"))
    assert "set in aep.formerly; apply assigns it" in cli("check", "yours")[1]
    assert "yours, instead of mine" in cli("plan", "yours")[1]
    assert cli("apply", "yours")[0] == 0
    assert cli("run", "yours", "2026-07-01", "--replace")[0] == 0


def test_plan_sends_nothing(cli: Cli) -> None:
    first = cli("plan", "adobe-tutorial")
    assert "create field group" in first[1]
    assert cli("plan", "adobe-tutorial") == first


def test_a_connection_in_the_environment_is_json_and_never_shown(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AEP_DEFAULT", "aep://login:p-secret-not-real@host")
    code, text = cli("plan", "shop")
    assert code == 1
    assert "AIRFLOW_CONN_AEP_DEFAULT is not a JSON object" in text
    assert "p-secret-not-real" not in text


def test_pipelines_of_one_aep_sandbox_share_its_batches_whatever_their_connections_are(
    cli: Cli, pipelines: Path, connections: Path
) -> None:
    change(pipelines / "hostile.yaml", ("\naep:\n", "\naep:\n  profile: true\n"))
    same, elsewhere, missing = (pipelines / f"{name}.yaml" for name in ("same", "elsewhere", "missing"))
    for path in (same, elsewhere, missing):
        own = yaml.safe_load((pipelines / "hostile.yaml").read_text())
        own["aep"] |= {"conn_id": f"aep_{path.stem}", "dataset": path.stem}
        path.write_text(yaml.safe_dump(own | {"late_days": 30, "catch_up_days": 58}))
    rows = yaml.safe_load(connections.read_text())["airflow"]["connections"]
    aep = next(row for row in rows if row["conn_id"] == "aep_default")
    rows.append(aep | {"conn_id": "aep_same"})
    rows.append(aep | {"conn_id": "aep_elsewhere", "conn_extra": aep["conn_extra"] | {"aep_sandbox": "dev"}})
    connections.write_text(yaml.safe_dump({"airflow": {"connections": rows}}))
    code, text = cli("plan", "hostile")
    assert code == 0
    assert "hostile 6, same 89; not counted, because their connections cannot be read: missing)" in text
    assert "create up to 95 batches a day" in text
