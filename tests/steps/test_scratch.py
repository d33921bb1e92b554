"""What goes wrong with scratch space is told as that, and everything else as what it is."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from include.errors import ScratchError, TruncatedExport
from include.steps import scratch
from include.steps.scratch import scratch_folder

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_it_is_removed_whatever_happens(base: Path) -> None:
    with pytest.raises(TruncatedExport, match="cut"), scratch_folder("x-") as folder:
        (folder / "half").write_text("x")
        raise TruncatedExport("cut.")
    with scratch_folder("x-") as folder:
        (folder / "whole").write_text("x")
    assert list(base.iterdir()) == []


def test_a_full_disk_is_told_with_its_place_and_bytes(base: Path) -> None:
    with pytest.raises(ScratchError, match=rf"{base}/x-\w+ has no room: 3 bytes are in it"), scratch_folder("x-") as folder:  # fmt: skip
        (folder / "some").write_bytes(b"abc")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(base.iterdir()) == []


def test_a_library_that_calls_a_full_disk_something_else_is_understood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DuckDB's own exception is no OSError, and its words may quote a row."""
    monkeypatch.setattr(scratch, "_LITTLE_BYTES", 1 << 60)
    with pytest.raises(ScratchError, match="has no room") as raised, scratch_folder("x-"):
        raise RuntimeError("could not write kari@example.com")
    assert "kari" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_folder_that_is_gone_is_told(base: Path) -> None:
    with pytest.raises(ScratchError, match="was removed while a step worked in it"), scratch_folder("x-") as folder:  # fmt: skip
        shutil.rmtree(folder)
        (folder / "more").write_text("x")
    shutil.rmtree(base)
    with pytest.raises(ScratchError, match=f"{base} cannot be made: No such file"), scratch_folder("x-"):
        pytest.fail("there is no folder")


def test_other_errors_stay_what_they_are() -> None:
    for error in (ValueError("a defect"), OSError(errno.EACCES, "denied"), KeyError("x")):
        with pytest.raises(type(error)) as raised, scratch_folder("x-"):
            raise error
        assert raised.value is error
