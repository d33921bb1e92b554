"""``forget``, as its user sees it: ids are printed only on request."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import requests

from tests.support.aging_project import NOON
from tests.support.command_line import Cli, Printing
from tests.support.forgotten_people import ANNA, ANNAS_PHONE, named_in
from tests.support.pipeline_runner import PIPELINES, PipelineRunner

pytestmark = [pytest.mark.sandbox, pytest.mark.case("M19")]
DAY = "2026-07-01"


@pytest.fixture
def loaded(cli: Cli, port: int, tmp_path: Path) -> Path:
    """Return the folder of a lake with a day on which Anna was seen."""
    shown = {"time": NOON, "$device_id": ANNAS_PHONE}
    rows = [
        {"event": "Seen", "properties": {**shown, "$insert_id": "a1", "distinct_id": ANNA, "$user_id": ANNA}},
        {
            "event": "Seen",
            "properties": {**shown, "$insert_id": "a2", "distinct_id": f"$device:{ANNAS_PHONE}"},
        },
    ]
    url = f"http://127.0.0.1:{port}"
    project = PipelineRunner(url, None, PIPELINES["hostile"]).project_id  # type: ignore[arg-type]
    requests.post(
        f"{url}/_sandbox/mixpanel/projects/{project}/events", json={"events": rows}, timeout=20
    ).raise_for_status()
    assert cli("apply", "hostile")[0] == 0
    assert cli("run", "hostile", DAY)[0] == 0
    return tmp_path / "lake"


def test_m19_a_dry_run_counts_and_prints_no_id(cli: Cli, loaded: Path) -> None:
    code, text = cli("forget", "hostile", "--distinct-id", ANNA, "--dry-run")
    assert code == 0
    assert "1 given, 1 added because events show them together; 0 shared devices left out" in text
    assert f"hostile {DAY}: 2 raw rows" in text
    assert "forget: 2 raw rows of 1 day would be forgotten" in text
    assert ANNA not in text
    assert ANNAS_PHONE not in text
    assert named_in(loaded, [ANNA])


def test_m19_ids_come_from_standard_input_and_are_listed_on_request(
    cli: Cli, printed: Printing, loaded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{ANNA}\n\n"))
    command = ("forget", "hostile", "--identity-file", "-")
    code, text = cli(*command)
    assert code == 1
    assert "was not confirmed" in text
    assert named_in(loaded, [ANNA])
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{ANNA}\n"))
    done = printed(*command, "--yes", "--json", "--list-ids")
    assert done.code == 0
    found = done.json
    assert found["ids"] == {"user": [ANNA], "device": sorted([ANNA, ANNAS_PHONE])}
    assert found["counts"]["rows"] == 2
    assert [each["where"] for each in found["left_to_do"]][:3] == ["Mixpanel", "AEP", "lake"]
    assert "MixpanelDevice, MixpanelDistinct, MixpanelUser" in found["left_to_do"][1]["what"]
    assert named_in(loaded, [ANNA, ANNAS_PHONE]) == []


def test_m19_without_ids_an_unfinished_run_is_completed(cli: Cli, loaded: Path) -> None:
    code, text = cli("forget", "hostile", "--yes")
    assert code == 1
    assert "the suppression list is empty" in text
    assert cli("forget", "hostile", "--user-id", ANNA, "--yes")[0] == 0
    code, text = cli("forget", "hostile", "--yes")
    assert code == 0
    assert "forget: 0 raw rows of 0 days are forgotten" in text
    assert cli("run", "hostile", DAY, "--again")[0] == 0
    assert (
        cli("verify", "hostile")[1]
        .rstrip()
        .endswith("of forgotten people 0 are deleted in AEP, 2 are not deleted yet")
    )
    assert named_in(loaded, [ANNA, ANNAS_PHONE]) == []


def test_m19_a_sample_of_mixpanel_shows_nothing_of_a_forgotten_person(cli: Cli, loaded: Path) -> None:
    assert cli("forget", "hostile", "--user-id", ANNA, "--yes")[0] == 0
    for path in loaded.glob(f"hostile/{DAY}/raw/*/*.gz"):
        path.unlink()
    code, text = cli("preview", "hostile", DAY, "--rows", "1000")
    assert code == 0
    assert "events from Mixpanel" in text
    assert ANNA not in text


def test_m19_an_empty_identity_file_is_refused(cli: Cli, loaded: Path, tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("\n \n")
    code, text = cli("forget", "hostile", "--identity-file", str(tmp_path / "ids"))
    assert code == 1
    assert "contains no id" in text
    assert named_in(loaded, [ANNA])
