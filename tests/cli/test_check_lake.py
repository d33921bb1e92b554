"""``check`` of a lake: who can read it, and whether it can lock."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from include.lake.lake import Lake
from tests.faults.s3_proxy import proxied
from tests.support.command_line import Cli
from tests.support.s3_server import s3_server

pytestmark = pytest.mark.sandbox


def test_check_refuses_a_publicly_readable_lake(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("apply", "shop")[0] == 0
    monkeypatch.setattr(Lake, "on_this_machine", False)
    monkeypatch.setattr("include.cli.checks.is_public", lambda lake: True)
    code, text = cli("check", "shop")
    assert code == 1
    assert re.search(r"^no lake .*Anyone can read the lake file://", text, re.MULTILINE)


def test_check_refuses_a_lake_open_to_other_users_and_names_the_command(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir(mode=0o755)
    (tmp_path / "lake").chmod(0o755)
    code, text = cli("check", "shop")
    assert code == 1
    assert re.search(r"^no lake .*\(mode 0755\).* Run: chmod -R go-rwx /", text, re.MULTILINE)
    subprocess.run(shlex.split(text.partition("Run: ")[2].splitlines()[0]), check=True)
    assert cli("check", "shop")[0] == 0


def test_check_refuses_a_store_without_create_only_puts(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with s3_server("lake") as behind, proxied(behind) as s3:
        s3.conditions = "stripped"
        for name, value in (
            ("AWS_ENDPOINT_URL", s3.url),
            ("AWS_ACCESS_KEY_ID", "k"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_REGION", "eu-north-1"),
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("include.cli.checks.is_public", lambda lake: False)
        code, text = cli("check", "shop", lake="s3://lake/x")
        assert code == 1
        assert re.search(
            r"^no lake .*s3://lake/x does not enforce create-only puts: it accepted", text, re.MULTILINE
        )
        s3.conditions = "kept"
        assert cli("check", "shop", lake="s3://lake/x")[0] == 0
