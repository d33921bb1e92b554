"""``check`` and ``lake sign``, as their users see a lake and its keys."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest

from include.lake.signing_keys import SIGNING_KEYS_ENVIRONMENT, split_signature
from tests.support.command_line import Cli

pytestmark = [pytest.mark.sandbox, pytest.mark.case("M16")]
DAY = "2026-07-01"
KEY, NEXT = secrets.token_hex(32), secrets.token_hex(32)


def line(text: str, what: str) -> str:
    found = re.search(rf"^.. {what} .*$", text, re.MULTILINE)
    assert found is not None, text
    return found[0]


def test_m18_check_of_a_missing_lake_says_so_and_creates_nothing(cli: Cli, tmp_path: Path) -> None:
    code, text = cli("check", "hostile")
    assert code == 0
    assert line(text, "lake").startswith(
        f"ok lake      file://{tmp_path}/lake does not exist yet; apply creates it."
    )
    assert not (tmp_path / "lake").exists()


def test_m18_check_refuses_a_world_writable_lake(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake").chmod(0o777)
    code, text = cli("check", "hostile")
    assert code == 1
    assert "can change and read the lake's folder" in line(text, "lake")


def test_m16_check_reports_missing_protection(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "records are not signed, because MIXPANEL_AEP_LAKE_SECRET is not set" in line(
        cli("check", "hostile")[1], "lake"
    )
    monkeypatch.setenv(SIGNING_KEYS_ENVIRONMENT, KEY)
    text = cli("check", "hostile")[1]
    assert re.search(r"records are signed with the key [0-9a-f]{16}$", line(text, "lake"))
    assert KEY not in text
    monkeypatch.setenv(SIGNING_KEYS_ENVIRONMENT, "short")
    code, text = cli("check", "hostile")
    assert code == 1
    assert re.search(r"A key of MIXPANEL_AEP_LAKE_SECRET is (shorter|not )", text)


def test_m16_a_lake_with_loaded_days_gets_a_key(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert cli("apply", "hostile")[0] == 0
    assert cli("run", "hostile", DAY)[0] == 0
    assert cli("lake", "sign", "hostile") == (
        1,
        "Refused: MIXPANEL_AEP_LAKE_SECRET is not set.\n"
        "Hint: Set MIXPANEL_AEP_LAKE_SECRET to the value that the workers use (docs/security.md).\n",
    )
    monkeypatch.setenv(SIGNING_KEYS_ENVIRONMENT, KEY)
    code, text = cli("run", "hostile", DAY)
    assert code == 1
    assert "is not signed" in text
    assert "mixpanel-aep lake sign PIPELINE" in text
    code, text = cli("lake", "sign", "hostile")
    assert code == 0
    assert "records from before the key: listed in _signed/000001.json" in text
    assert cli("lake", "sign", "hostile") == (
        0,
        "ok lake      every record is signed, or listed as older than the key\n",
    )
    assert cli("run", "hostile", DAY)[0] == 0
    assert cli("check", "hostile")[0] == 0

    changed = next((tmp_path / "lake/hostile" / DAY / "valid").glob("*/manifest.json"))
    changed.write_bytes(changed.read_bytes() + b" ")
    assert cli("run", "hostile", DAY)[0] == 1
    code, text = cli("lake", "sign", "hostile")
    assert code == 1, "a second list needs a reason"
    assert f"unsigned  file://{changed}" in text
    assert "--why TEXT" in text
    assert cli("lake", "sign", "hostile", "--why", "white space")[0] == 0
    assert cli("run", "hostile", DAY)[0] == 0


def test_m16_a_key_is_replaced_while_days_are_loaded(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(SIGNING_KEYS_ENVIRONMENT, KEY)
    assert cli("apply", "hostile")[0] == 0
    assert cli("run", "hostile", DAY)[0] == 0
    records = [
        path
        for path in (tmp_path / "lake").rglob("*.json")
        if not re.search("/(schemas|_budget)/", str(path))
    ]
    assert all(split_signature(path.read_bytes()).key_id for path in records)
    monkeypatch.setenv(SIGNING_KEYS_ENVIRONMENT, f"{NEXT},{KEY}")
    assert cli("run", "hostile", DAY, "--again")[0] == 0
    assert (
        len({split_signature(path.read_bytes()).key_id for path in (tmp_path / "lake").rglob("looks/*.json")})
        == 1
    )
    monkeypatch.setenv(SIGNING_KEYS_ENVIRONMENT, NEXT)
    code, text = cli("run", "hostile", DAY)
    assert code == 1
    assert "which is not one of the lake's keys" in text
    monkeypatch.delenv(SIGNING_KEYS_ENVIRONMENT)
    code, text = cli("run", "hostile", DAY)
    assert code == 1
    assert "this process has no signing key" in text
