"""A folder lake follows no symbolic link, removes only this project's files, and creates nothing when read."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.errors import ConfigError, ForeignObject, PipelineError
from include.lake.lake import Lake
from include.lake.own_keys import final_name_of, is_own_key
from include.lake.stores.folder_permissions import require_private
from tests.lake.test_removal import KEYS, PLACE, STRANGE

pytestmark = [pytest.mark.unit, pytest.mark.case("M18")]
DIGEST = "ab" * 16
KEY = PLACE.report(DIGEST)
Act = Callable[[Lake, Path], object]
ACTS: dict[str, Act] = {
    "read": lambda lake, scratch: lake.read(KEY),
    "download": lambda lake, scratch: lake.download(KEY, scratch / "copy"),
    "has": lambda lake, scratch: lake.has(KEY),
    "modified": lambda lake, scratch: lake.modified(KEY),
    "keys": lambda lake, scratch: list(lake.keys(PLACE.prefix)),
    "create": lambda lake, scratch: lake.create(KEY, b"ours"),
    "replace": lambda lake, scratch: lake.replace(KEY, b"ours"),
    "upload": lambda lake, scratch: lake.upload(KEY, Path(__file__)),
    "remove": lambda lake, scratch: lake.remove_object(KEY),
}
OVER_A_LINK = {"replace", "upload", "remove"}
"""What puts or removes a name does so also where the name is a link, which is not followed: the link itself goes."""


@pytest.mark.parametrize("level", range(4))
@pytest.mark.parametrize("act", ACTS)
def test_m18_no_component_of_a_key_may_be_a_link(tmp_path: Path, act: str, level: int) -> None:
    lake, page = Lake(f"file://{tmp_path}/lake"), tmp_path / "lake" / KEY
    lake.check_writable()
    outside = tmp_path / "outside" / KEY
    outside.parent.mkdir(parents=True)
    outside.write_bytes(b"not ours")
    place, target = ((page, outside), *zip(page.parents, outside.parents, strict=False))[level]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
    try:
        ACTS[act](lake, tmp_path)
        assert level == 0 and act in OVER_A_LINK
    except ForeignObject as refused:
        assert "has a symbolic link" in refused.sentence
        assert "Remove that entry" in refused.hint
        assert place.is_symlink()
    assert outside.read_bytes() == b"not ours"
    assert {path.name for path in outside.parent.iterdir()} == {outside.name}


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder"])
def test_m18_only_regular_files_are_opened(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening a pipe would block for ever."""
    lake, page = Lake(f"file://{tmp_path}/lake"), tmp_path / "lake" / KEY
    page.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(page)
    elif kind == "folder":
        page.mkdir()
    else:
        monkeypatch.chdir(page.parent)  # The address of a socket is limited in length.
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(page.name)
    with pytest.raises(PipelineError):
        lake.read(KEY)
    assert list(lake.keys(PLACE.prefix)) == []


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "a\0b", ""])
@pytest.mark.parametrize("act", ["read", "has", "create", "replace", "download", "upload"])
def test_m18_a_key_stays_in_the_lake(tmp_path: Path, act: str, key: str) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    lake.check_writable()
    before = sorted(tmp_path.rglob("*"))
    arguments = {
        "create": (b"x",),
        "replace": (b"x",),
        "download": (tmp_path / "t",),
        "upload": (Path(__file__),),
    }
    with pytest.raises(ValueError, match="illegal character sequence"):
        getattr(lake, act)(key, *arguments.get(act, ()))
    assert [path for path in sorted(tmp_path.rglob("*")) if path.name != "t"] == before


@pytest.mark.parametrize("act", ["read", "has", "keys", "folders", "objects", "remove_unfinished", "exists"])
def test_m18_reading_creates_no_folder(tmp_path: Path, act: str) -> None:
    lake = Lake(f"file://{tmp_path}/far/lake")
    found = {
        "read": lambda: lake.read(KEY), "has": lambda: lake.has(KEY), "keys": lambda: list(lake.keys("")),
        "folders": lambda: lake.folders("a"), "objects": lambda: list(lake.objects("a")), "exists": lambda: lake.exists,
        "remove_unfinished": lambda: lake.remove_unfinished(datetime.now(UTC)),
    }[act]()  # fmt: skip
    assert not found
    assert list(tmp_path.iterdir()) == []


def test_m18_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "lake").symlink_to(tmp_path / "disk")
    lake = Lake(f"file://{tmp_path}/lake")
    assert lake.create(KEY, b"x")
    assert list(lake.keys("")) == [".writable", KEY]


def test_m18_an_opened_file_stays_the_same_file(tmp_path: Path) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    lake.create(KEY, b"checked")
    with lake.opened(KEY) as page:
        lake.replace(KEY, b"another")
        assert page is not None
        assert (page.size, b"".join(page.chunks)) == (7, b"checked")


def test_m18_a_download_is_a_copy_with_the_digest_of_the_copy(tmp_path: Path) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    lake.create(KEY, b"abc")
    copied = lake.download(KEY, tmp_path / "copy")
    (tmp_path / "lake" / KEY).write_bytes(b"xyz")
    assert copied.path.read_bytes() == b"abc"
    assert copied.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


OWN = [f"{key}#{number}" for key in KEYS for number in ("1", "123456789012345678")]
FOREIGN = [
    "Invoice #3 July.pdf", "Invoice#3", "notes#1", "shop/notes#1", "shop/2026-07-01/raw/notes.txt#1",
    f"shop/2026-07-01/raw/{DIGEST}/data.csv#1", f"{KEY}#", f"{KEY}#x", f"{KEY}#1234567890123456789", f"{KEY}#1.bak",
    f"{KEY}#1#x", "_histories/x#1", "Photo #1.jpg", f"{KEY} #1", "shop/2026-07-01/report/#1", "a/#1",
    *(f"{key.strip('/')}#1" for key in STRANGE if ".." not in key and not key.endswith("\n") and not key.startswith("/")),
]  # fmt: skip


@pytest.mark.parametrize("name", [*OWN, *FOREIGN])
def test_m18_the_sweeper_removes_only_unfinished_puts_of_this_project(tmp_path: Path, name: str) -> None:
    lake, now = Lake(f"file://{tmp_path}"), datetime.now(UTC)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a person's")
    os.utime(path, ((now - timedelta(days=1)).timestamp(),) * 2)
    assert lake.remove_unfinished(now - timedelta(hours=6)) == (name in OWN)
    assert path.exists() is (name in FOREIGN)


def test_m18_the_sweeper_follows_no_link(tmp_path: Path) -> None:
    lake, now = Lake(f"file://{tmp_path}/lake"), datetime.now(UTC) + timedelta(days=9)
    outside = tmp_path / "outside" / f"{PLACE.day}" / "report" / f"{DIGEST}.html#1"
    outside.parent.mkdir(parents=True)
    outside.write_bytes(b"")
    lake.create(KEY, b"")
    (tmp_path / "lake" / "shop2").symlink_to(tmp_path / "outside")
    (tmp_path / "lake" / f"{KEY}#1").symlink_to(outside)
    assert lake.remove_unfinished(now) == 0
    assert outside.exists()


@pytest.mark.parametrize("key", KEYS)
def test_m18_every_key_of_this_project_is_recognised(key: str) -> None:
    assert is_own_key(key)
    assert final_name_of(f"{key}#7") == key


@pytest.mark.parametrize("key", STRANGE)
def test_m18_other_keys_are_not_recognised(key: str) -> None:
    assert not is_own_key(key)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o750, 0o707, 0o701, 0o704])
def test_m18_a_folder_that_others_can_enter_is_refused(tmp_path: Path, mode: int) -> None:
    root = tmp_path / "lake"
    root.mkdir()
    root.chmod(mode)
    with pytest.raises(
        ConfigError, match=rf"Other users of this machine can .*\(mode {mode:04o}\)"
    ) as refused:
        require_private(root)
    assert refused.value.hint == f"Run: chmod -R go-rwx {root}"


@pytest.mark.parametrize("inner", ["", "_histories", "shop"])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_m18_a_folder_of_another_user_is_refused(tmp_path: Path, inner: str) -> None:
    root = tmp_path / "lake"
    for name in ("", "_histories", "shop"):
        (root / name).mkdir(parents=True, mode=0o700, exist_ok=True)
    root.chmod(0o700)
    require_private(root)
    os.chown(root / inner, 12345, -1)
    with pytest.raises(ConfigError, match="belongs to the user with the number 12345") as refused:
        require_private(root)
    assert f"chown -R {os.geteuid()} {root}" in refused.value.hint


@pytest.mark.parametrize(("mode", "refused"), [(0o777, True), (0o1777, False), (0o755, False), (0o702, True)])
def test_m18_a_folder_in_which_everyone_can_replace_the_lake_is_refused(
    tmp_path: Path, mode: int, refused: bool
) -> None:
    root = tmp_path / "shared" / "lake"
    root.mkdir(parents=True, mode=0o700)
    root.parent.chmod(mode)
    if not refused:
        require_private(root)
        return
    with pytest.raises(ConfigError, match="lets every user of this machine rename it"):
        require_private(root)
