"""A file that a thread writes has the bytes and the digest of one that is written directly."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.mixpanel import raw_file
from include.mixpanel.raw_file import background_file

pytestmark = pytest.mark.unit


@given(st.lists(st.binary(max_size=9), max_size=60))
def test_bytes_and_digest(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("raw") / "events.gz"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw_file, "_BLOCK_BYTES", 8)
        with background_file(path) as file:
            for part in parts:
                file.write(part)
            digest = file.sha256
    whole = b"".join(parts)
    assert (path.read_bytes(), file.bytes, digest) == (whole, len(whole), hashlib.sha256(whole).hexdigest())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full exists on Linux only")
@pytest.mark.parametrize("blocks", [1, 100])
def test_a_full_disk_is_reported(blocks: int) -> None:
    """It is reported by a later write or, after the last one, by the digest."""
    with pytest.raises(OSError, match="No space left"), background_file(Path("/dev/full")) as file:
        for _ in range(blocks):
            file.write(bytes(2**20))
        file.sha256  # noqa: B018 - it waits for the last bytes
