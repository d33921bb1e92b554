"""``clean``: removes expired files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from tests.support.command_line import Cli, change

pytestmark = pytest.mark.sandbox


def test_a_lake_is_cleaned_and_a_removed_export_is_not_discovered(
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
