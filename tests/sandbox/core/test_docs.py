"""docs/sandbox.md: every command works as pasted, every action and setting is described, and tables are current."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mixpanel_aep_sandbox.openapi import document
from tests.support.sandbox.http_client import Sandbox

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/sandbox.md").read_text("utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def section(title: str) -> str:
    [text] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return str(text)


def examples() -> Iterator[dict[str, Any]]:
    for text in re.findall(r"^\| `({.*?})` \|", section("Faults"), re.MULTILINE):
        yield json.loads(text)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_works_as_pasted(sandbox: Sandbox, command: str) -> None:
    here = command.replace("http://127.0.0.1:8090", sandbox.url).replace(".venv/bin/python", sys.executable)
    for large, small in (('"scale": 20', '"scale": 1'), ("MIB = 256", "MIB = 1")):
        here = here.replace(large, small)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", here], capture_output=True, text=True, timeout=60
    )
    assert done.returncode in (0, 23), done.stdout + done.stderr  # 23: `head` has read enough.
    assert done.stdout.strip()


def test_every_action_is_described_with_a_valid_example(sandbox: Sandbox) -> None:
    schemas = document()["components"]["schemas"]
    reported = {example["do"]: example for example in examples()}
    assert set(reported) == set(schemas["control_action"]["discriminator"]["mapping"])
    for do, example in reported.items():
        sandbox.fault(example, match={"path": "/nowhere"})
        for option in schemas[f"control_action_{do}"]["properties"]:
            assert option in section("Faults"), f"{do}: {option}"


def test_every_setting_is_described(sandbox: Sandbox) -> None:
    adobes = set(sandbox.control("/aep/settings", method="GET")) - {"next_batches"}
    for name in adobes | set(sandbox.control("/mixpanel/projects", method="GET")[0]["switches"]):
        assert f"| `{name}` |" in section("Where the documentation leaves it open"), name


def test_the_tables_are_those_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/sandbox_docs.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
