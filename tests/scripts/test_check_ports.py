"""Ports in use are found before anything is installed, all of them at once."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.demo.__main__ import what_next
from scripts.demo.services import Services
from scripts.demo.settings import PORTS, DemoError, DemoSettings

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.unit


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh checkout, as far as the script needs one: nothing is installed."""
    (tmp_path / "scripts").mkdir()
    for name in ("check_ports.sh", "common.sh"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    return tmp_path


@pytest.fixture
def taken() -> Iterator[list[int]]:
    sockets = [socket.socket() for _ in range(len(PORTS))]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
        each.listen()
    yield [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()


def check(checkout: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts/check_ports.sh"], env={"PATH": os.environ["PATH"], **env},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_every_port_in_use_is_named_at_once_with_others_to_choose(checkout: Path, taken: list[int]) -> None:
    env = dict(zip(PORTS, map(str, taken), strict=True))
    found = check(checkout, LAKE="s3", **env)
    assert found.returncode == 2
    for name, port in env.items():
        assert f"{name}={port}" in found.stderr.splitlines()[0]
    others = dict(re.findall(r"([A-Z_0-9]+)=(\d+)", found.stderr.splitlines()[1]))
    assert others.keys() == env.keys()
    assert not set(others.values()) & set(env.values())
    assert list(checkout.iterdir()) == [checkout / "scripts"]


def test_the_port_of_s3_matters_with_that_lake_only(checkout: Path, taken: list[int]) -> None:
    free = dict.fromkeys(PORTS, "1") | {"S3_PORT": str(taken[0])}  # as root port 1 is free, else it is in use
    names = [set(re.findall("S3_PORT", check(checkout, LAKE=lake, **free).stderr)) for lake in ("s3", "file")]
    assert names == [{"S3_PORT"}, set()]


def test_it_knows_every_port_of_the_demo() -> None:
    text = (ROOT / "scripts/check_ports.sh").read_text()
    assert dict(re.findall(r'"([A-Z0-9_]+)"(?:: |\] = )(\d+)', text)) == {n: str(p) for n, p in PORTS.items()}


def test_where_packages_are_installed_the_demo_itself_says_the_same(taken: list[int], tmp_path: Path) -> None:
    settings = DemoSettings("s3", dict(zip(PORTS, taken, strict=True)), tmp_path)
    with pytest.raises(DemoError, match="Other programs use these ports of the demo") as refused:
        Services(settings).require_free_ports()
    assert all(f"{name}={port}" in str(refused.value) for name, port in settings.ports.items())


@pytest.mark.parametrize("lake", ["file", "s3"])
def test_the_demo_says_what_to_look_at_and_where_the_data_are(lake: str, tmp_path: Path) -> None:
    text = what_next(DemoSettings(lake, PORTS, tmp_path))
    assert all(
        line in text for line in ("Board, shop, 2026-07-01", "docs/tutorial.md", "its time is not a number")
    )
    assert ("LAKE=s3 make up" in text, str(tmp_path) in text) == (lake == "s3", lake == "file")
    assert max(map(len, text.splitlines())) <= 132 or lake == "file"
    for page in re.findall(r"docs/[a-z-]+\.md", text):
        assert (ROOT / page).is_file()
