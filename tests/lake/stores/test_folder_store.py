"""A folder lake: readable by its owner only whatever the umask, on disk before a put returns, complete or absent."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.errors import ConfigError, LakeError
from include.lake.lake import Lake
from include.lake.stores.folder_permissions import require_private

pytestmark = pytest.mark.unit


@pytest.fixture(params=[0o000, 0o022, 0o277, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(root: Path) -> dict[str, int]:
    found = {str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}
    return found | {".": stat.S_IMODE(root.stat().st_mode)}


@pytest.mark.usefixtures("umask")
def test_only_the_owner_can_read_a_stored_object(tmp_path: Path) -> None:
    root, source = tmp_path / "far" / "lake", tmp_path / "source"
    source.touch()
    source.chmod(0o644)
    lake = Lake(f"file://{root}")
    assert lake.create("shop/2026-07-01/ledger/000001.json", b"1")
    lake.upload("shop/2026-07-01/raw/part", source)
    assert {name: f"{mode:o}" for name, mode in modes(root).items()} == {
        ".": "700",
        ".writable": "600",
        "shop": "700",
        "shop/2026-07-01": "700",
        "shop/2026-07-01/ledger": "700",
        "shop/2026-07-01/ledger/000001.json": "600",
        "shop/2026-07-01/raw": "700",
        "shop/2026-07-01/raw/part": "600",
    }
    require_private(root)


def test_a_lake_of_an_earlier_version_is_read_and_its_mode_reported(tmp_path: Path) -> None:
    old = tmp_path / "lake" / "shop" / "2026-07-01" / "raw"
    old.mkdir(parents=True)
    (tmp_path / "lake").chmod(0o755)
    (old / "manifest.json").write_bytes(b"{}")
    lake = Lake(f"file://{tmp_path}/lake")
    assert lake.read("shop/2026-07-01/raw/manifest.json") == b"{}"
    assert list(lake.keys("shop")) == ["shop/2026-07-01/raw/manifest.json"]
    with pytest.raises(ConfigError, match=r"Other users of this machine can enter .* \(mode 0755\)"):
        require_private(tmp_path / "lake")
    assert lake.create("shop/2026-07-01/raw/other", b"")


@pytest.mark.parametrize("put", ["create", "upload"])
def test_a_put_that_fails_leaves_nothing(tmp_path: Path, put: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    lake.check_writable()
    (tmp_path / "source").write_bytes(b"rows")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LakeError, match="Could not write a/b"):
        lake.create("a/b", b"rows") if put == "create" else lake.upload("a/b", tmp_path / "source")
    assert [path for path in (tmp_path / "lake").rglob("*") if path.is_file()] == [
        tmp_path / "lake" / ".writable"
    ]


def test_a_put_returns_after_the_object_and_its_folders_are_on_disk(tmp_path: Path) -> None:
    """Traced in a separate process: file, then name, then folder; and each new folder in its parent."""
    script = """
import os, sys
from pathlib import Path
from include.lake.lake import Lake
calls = []
sync, link = os.fsync, os.link
def fsync(descriptor):
    calls.append("sync " + Path(os.readlink(f"/proc/self/fd/{descriptor}")).name.split("#")[0])
    sync(descriptor)
def linked(source, target, **folders):
    calls.append("link " + Path(target).name)
    link(source, target, **folders)
lake = Lake("file://" + sys.argv[1])
lake.check_writable()
os.fsync, os.link = fsync, linked
lake.create("day/ledger/1.json", b"x")
print("; ".join(calls))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "lake")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ("sync lake; sync day; sync 1.json; link 1.json; sync ledger"), (
        "a record that was reported as written must survive a power failure"
    )


def test_an_object_that_is_being_written_is_not_listed(tmp_path: Path) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    lake.create("a/b", b"")
    (tmp_path / "lake" / "a" / "c#123456789012345678").write_bytes(b"half")
    assert list(lake.keys("a")) == ["a/b"]
