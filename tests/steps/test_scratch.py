"""Errors of the scratch space are reported as such, and other errors unchanged."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from include.errors import ScratchError, TruncatedExport
from include.steps import scratch
from include.steps.scratch import remove_abandoned, scratch_folder

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_scratch_is_always_removed(base: Path) -> None:
    with pytest.raises(TruncatedExport, match="cut"), scratch_folder("x-") as folder:
        (folder / "half").write_text("x")
        raise TruncatedExport("cut.")
    with scratch_folder("x-") as folder:
        (folder / "whole").write_text("x")
    assert list(base.iterdir()) == []


def test_a_full_disk_is_reported_with_its_place_and_bytes(base: Path) -> None:
    with pytest.raises(ScratchError, match=rf"{base}/x-\w+ has no room: 3 bytes are in it"), scratch_folder("x-") as folder:  # fmt: skip
        (folder / "some").write_bytes(b"abc")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(base.iterdir()) == []


def test_a_full_disk_is_recognised_in_a_librarys_own_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DuckDB's exception is not an OSError, and its message may quote a row."""
    monkeypatch.setattr(scratch, "_LITTLE_BYTES", 1 << 60)
    with pytest.raises(ScratchError, match="has no room") as raised, scratch_folder("x-"):
        raise RuntimeError("could not write kari@example.com")
    assert "kari" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_removed_folder_is_reported(base: Path) -> None:
    with pytest.raises(ScratchError, match="was removed while a step worked in it"), scratch_folder("x-") as folder:  # fmt: skip
        shutil.rmtree(folder)
        (folder / "more").write_text("x")
    shutil.rmtree(base)
    with pytest.raises(ScratchError, match=f"{base} cannot be created: No such file"), scratch_folder("x-"):
        pytest.fail("the folder is missing")


def test_other_errors_are_unchanged() -> None:
    for error in (ValueError("a defect"), OSError(errno.EACCES, "denied"), KeyError("x")):
        with pytest.raises(type(error)) as raised, scratch_folder("x-"):
            raise error
        assert raised.value is error


HOLD = """
import sys, time
from include.steps.scratch import remove_abandoned, scratch_folder
with scratch_folder("x-") as folder:
    (folder / "inner").mkdir()
    (folder / "inner" / "large").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    time.sleep(60)
"""


def test_scratch_of_a_killed_process_is_removed_by_the_next_run_and_of_a_living_one_is_not(
    base: Path,
) -> None:
    environment = {**os.environ, "TMPDIR": str(base), "PYTHONPATH": str(Path(scratch.__file__).parents[2])}
    holders = [
        subprocess.Popen([sys.executable, "-c", HOLD], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        killed, alive = (Path(holder.stdout.readline().strip()) for holder in holders if holder.stdout)
        with scratch_folder("x-"):
            assert killed.is_dir(), "its owner is alive"
        holders[0].kill()
        holders[0].wait()
        assert killed.is_dir()
        with scratch_folder("x-") as mine, scratch_folder("x-"):
            assert not killed.exists()
            assert (alive / "inner" / "large").exists()
            assert mine.is_dir()
        assert remove_abandoned("x-") == 0
    finally:
        for holder in holders:
            holder.kill()
            holder.communicate()


def test_only_folders_created_by_a_step_are_removed(base: Path) -> None:
    for name in ("x-anything", "x-linked"):
        (base / name).mkdir()
    (base / "x-anything" / "kept").write_text("x")
    (base / "y").mkdir()
    (base / "y" / ".owner").write_text("")
    (base / "x-linked").rmdir()
    (base / "x-linked").symlink_to(base / "y")
    (base / "x-file").write_text("x")
    assert remove_abandoned("x-") == 0
    assert {path.name for path in base.iterdir()} == {"x-anything", "x-linked", "x-file", "y"}
    assert remove_abandoned("y") == 1


def test_a_process_keeps_its_own_folders_although_it_gets_a_lock_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on NFS, whose locks belong to processes."""
    monkeypatch.setattr(scratch.fcntl, "flock", lambda *_: None)
    with scratch_folder("x-") as outer, scratch_folder("x-") as inner:
        assert (outer.is_dir(), inner.is_dir()) == (True, True)


def test_folders_that_cannot_be_removed_stay_recognisable(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (base / "x-1" / "inner").mkdir(parents=True)
    (base / "x-1" / ".owner").write_text("")

    def refuse(path: object) -> None:
        raise OSError(errno.ENOTEMPTY, "a process that is about to end writes there")

    with monkeypatch.context() as patch:
        patch.setattr(scratch.shutil, "rmtree", refuse)
        assert remove_abandoned("x-") == 0
    assert remove_abandoned("x-") == 1
