"""Promises 1 and 2 for files: whatever is lost in transit, AEP receives the same bytes, once."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.aep.upload import FileRange, Uploader, UploadLimits, received_ranges
from include.errors import LakeError, NotFound, PayloadTooLarge, RequestRefused, ServiceUnavailable
from tests.support.fake_aep import FakeAep, Fault, client, lost_answer, small_limits, times
from tests.support.fake_clock import FakeClock
from tests.support.http_server import HttpServer, Reply, Request, serve_http

SMALL = bytes(range(90))
LARGE = bytes(range(250))


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def aep() -> FakeAep:
    return FakeAep()


class File:
    """A file that counts how often it was opened, and whether it was closed."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.opened: list[io.BytesIO] = []

    def __call__(self) -> BinaryIO:
        self.opened.append(io.BytesIO(self.content))
        return self.opened[-1]

    @property
    def all_closed(self) -> bool:
        return all(stream.closed for stream in self.opened)


def upload(
    served: HttpServer, fake_clock: FakeClock, file: File, name: str = "f.parquet", size: int | None = None
) -> None:
    asked = client(served, fake_clock, limits=small_limits())
    batch = asked.batches.create("d1", "parquet", "x-1")
    asked.batches.upload(batch, "d1", name, file, len(file.content) if size is None else size)


def sent(served: HttpServer, method: str) -> list[Request]:
    return [request for request in served.requests if request.method == method and "/files/" in request.path]


@pytest.mark.sandbox
@pytest.mark.parametrize("size", [1, 99, 100, 101, 119, 120, 250])
def test_files_of_every_size_arrive_complete(fake_clock: FakeClock, aep: FakeAep, size: int) -> None:
    file = File(LARGE[:size])
    with serve_http(aep) as served:
        upload(served, fake_clock, file)
        assert len(sent(served, "PUT")) == (size < 100)
        assert len(sent(served, "PATCH")) == (0 if size < 100 else -(-size // 40))
    assert aep.files == {"f.parquet": LARGE[:size]}
    assert file.all_closed


@pytest.mark.sandbox
def test_a_name_may_contain_directories_only(fake_clock: FakeClock, aep: FakeAep) -> None:
    with serve_http(aep) as served:
        upload(served, fake_clock, File(SMALL), "day=2026-07-01/a b?c#d.parquet")
        assert sent(served, "PUT")[0].path.endswith("/files/day%3D2026-07-01/a%20b%3Fc%23d.parquet")
        for name in ("../x", "a//b", "/a", "a/.."):
            with pytest.raises(RequestRefused):
                upload(served, fake_clock, File(SMALL), name)
    assert list(aep.files) == ["day=2026-07-01/a b?c#d.parquet"]


Faults = Callable[[FakeAep, str], Fault]
TROUBLES: dict[str, Faults] = {
    "401": lambda aep, method: _revoked(aep, method),
    "503": lambda aep, method: times(2, Reply(503), method=method, path="/files/"),
    "429": lambda aep, method: times(
        2, Reply(429, headers={"Retry-After": "3"}), method=method, path="/files/"
    ),
    "500": lambda aep, method: times(2, Reply(500), method=method, path="/files/"),
    "answer lost": lambda aep, method: lost_answer(aep, 2, method=method, path="/files/"),
}


def _revoked(aep: FakeAep, method: str) -> Fault:
    """Let the token expire before the second request of this kind."""
    seen = [0]

    def fault(request: Request) -> Reply | None:
        if request.method == method and "/files/" in request.path:
            seen[0] += 1
            if seen[0] == (2 if method == "PATCH" else 1):
                aep.revoked.add("canary-token-1")
        return None

    return fault


@pytest.mark.sandbox
@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
def test_an_upload_is_repeated_with_the_same_bytes(
    fake_clock: FakeClock, aep: FakeAep, trouble: Faults, method: str
) -> None:
    file = File(SMALL if method == "PUT" else LARGE)
    aep.faults = [trouble(aep, method)]
    with serve_http(aep) as served:
        upload(served, fake_clock, file)
        assert len(sent(served, method)) > {"PUT": 1, "PATCH": 6, "POST": 1}[method]
    assert list(aep.files.values()) == [file.content]
    assert file.all_closed


@pytest.mark.sandbox
def test_a_chunk_with_a_lost_response_is_not_sent_twice(fake_clock: FakeClock, aep: FakeAep) -> None:
    aep.faults = [lost_answer(aep, 1, method="PATCH", path="/files/")]
    with serve_http(aep) as served:
        upload(served, fake_clock, File(LARGE))
        assert len(sent(served, "PATCH")) == 7
        assert len(sent(served, "HEAD")) == 1
        assert len(sent(served, "POST")) == 2
    assert aep.files["f.parquet"] == LARGE


@pytest.mark.sandbox
def test_inconsistent_chunks_are_sent_again_once_in_smaller_parts(
    fake_clock: FakeClock, aep: FakeAep
) -> None:
    refused = Reply.json({"title": "BadRequestError"}, 400)
    aep.faults = [times(1, refused, method="POST", path="action=COMPLETE")]
    with serve_http(aep) as served:
        upload(served, fake_clock, File(LARGE))
        assert [len(request.body) for request in sent(served, "PATCH")] == [40] * 6 + [10] + [20] * 12 + [10]
    assert aep.files["f.parquet"] == LARGE
    aep.faults = [times(9, refused, method="POST", path="action=COMPLETE")]
    with serve_http(aep) as served:
        with pytest.raises(RequestRefused, match="complete the upload of a large file"):
            upload(served, fake_clock, File(LARGE))
        assert len(sent(served, "POST")) == 4


@pytest.mark.sandbox
def test_a_gateway_with_a_lower_limit_gets_smaller_parts(fake_clock: FakeClock, aep: FakeAep) -> None:
    aep.most_bytes = 30
    with serve_http(aep) as served:
        upload(served, fake_clock, File(SMALL))
    assert aep.files["f.parquet"] == SMALL
    aep.most_bytes = 10
    with serve_http(aep) as served, pytest.raises(PayloadTooLarge):
        upload(served, fake_clock, File(SMALL))


@pytest.mark.sandbox
def test_an_upload_is_bounded(fake_clock: FakeClock, aep: FakeAep) -> None:
    for method, content, attempts in (("PUT", SMALL, 6), ("PATCH", LARGE, 3)):
        aep.faults = [times(99, Reply(500), method=method, path="/files/")]
        with serve_http(aep) as served:
            with pytest.raises(ServiceUnavailable):
                upload(served, fake_clock, File(content))
            assert len(sent(served, method)) == attempts
    assert aep.files == {}


@pytest.mark.sandbox
def test_a_missing_batch_is_not_requested_twice(fake_clock: FakeClock, aep: FakeAep) -> None:
    aep.faults = [times(99, Reply(404), path="/files/")]
    with serve_http(aep) as served:
        with pytest.raises(NotFound):
            upload(served, fake_clock, File(LARGE))
        assert len(sent(served, "POST")) == 1


@pytest.mark.sandbox
def test_an_empty_file_is_not_sent(fake_clock: FakeClock, aep: FakeAep) -> None:
    with serve_http(aep) as served:
        with pytest.raises(RequestRefused, match="empty"):
            upload(served, fake_clock, File(b""))
        assert sent(served, "PUT") == []


@pytest.mark.sandbox
@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_a_file_that_shrank_is_an_error(fake_clock: FakeClock, aep: FakeAep, content: bytes) -> None:
    with serve_http(aep) as served, pytest.raises(LakeError, match="shorter than recorded"):
        upload(served, fake_clock, File(content), size=len(content) + 1)
    assert aep.files == {}


@pytest.mark.sandbox
def test_a_file_that_grew_is_sent_up_to_its_size(fake_clock: FakeClock, aep: FakeAep) -> None:
    with serve_http(aep) as served:
        upload(served, fake_clock, File(LARGE), size=90)
    assert aep.files["f.parquet"] == LARGE[:90]


@pytest.mark.unit
@given(st.binary(min_size=1, max_size=60), st.data())
def test_a_part_is_its_range_however_it_is_read(content: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(content) - 1))
    size = draw.draw(st.integers(1, len(content) - start))
    part = FileRange(io.BytesIO(content), start, size)
    assert len(part) == size
    read = b""
    while block := part.read(draw.draw(st.integers(1, 70))):
        read += block
    assert read == content[start : start + size]
    assert b"".join(FileRange(io.BytesIO(content), start, size)) == read


@pytest.mark.unit
@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        ("bytes=0-39,40-79", [(0, 79)]),
        ("bytes=40-79, 0-38", [(0, 38), (40, 79)]),
        ("0-9,5-20,30-40", [(0, 20), (30, 40)]),
        ("bytes=", []),
        ("nonsense", []),
    ],
)
def test_ranges_received_by_aep(header: str, ranges: list[tuple[int, int]]) -> None:
    assert received_ranges({"Range": header}) == ranges
    assert received_ranges({}) == []


class Gateway:
    """AEP's file upload without a network: loses responses and parts as planned, and accepts no more than its limit."""

    def __init__(self, troubles: list[str], most_bytes: int) -> None:
        self.troubles, self.most_bytes = troubles, most_bytes
        self.parts: dict[int, bytes] = {}
        self.whole: bytes | None = None

    def post_action(self, path: tuple[str, ...], what: str, action: str) -> object:
        if action == "INITIALIZE":
            self.parts = {}
            return None
        content = b""
        for at, part in sorted(self.parts.items()):
            if at != len(content):
                raise RequestRefused("Chunks are missing or overlap.")
            content += part
        if not content:
            raise RequestRefused("Chunks are missing.")
        self.whole = content
        return {"sizeInBytes": len(content)}

    def send_bytes(
        self,
        method: str,
        path: tuple[str, ...],
        what: str,
        open_body: Callable[[], FileRange],
        headers: dict[str, str] | None = None,
        **more: bool,
    ) -> None:
        body = open_body()
        if len(body) > self.most_bytes:
            raise PayloadTooLarge("Too many bytes.")
        trouble = self.troubles.pop() if self.troubles else ""
        if trouble == "lost":
            raise ServiceUnavailable("Nothing arrived.")
        content = b"".join(body)
        if method == "PUT":
            self.whole = content
        elif trouble != "swallowed":
            first, last = map(int, (headers or {})["Content-Range"].removeprefix("bytes ").split("-"))
            assert last - first + 1 == len(content) > 0
            self.parts[first] = content
        if trouble == "unheard":
            raise ServiceUnavailable("It arrived, and nobody heard of it.")

    def head(self, path: tuple[str, ...], what: str) -> dict[str, str]:
        return {"Range": "bytes=" + ",".join(f"{at}-{at + len(p) - 1}" for at, p in self.parts.items())}


@pytest.mark.unit
@given(
    st.integers(1, 700),
    st.integers(1, 800),
    st.integers(1, 300),
    st.integers(1, 900),
    st.lists(st.sampled_from(["", "", "", "lost", "unheard", "swallowed"]), max_size=12),
)
def test_a_plan_covers_every_byte_once_for_any_size_and_any_limit(
    size: int, chunk_from: int, chunk: int, most_bytes: int, troubles: list[str]
) -> None:
    """Otherwise it ends in an error, never as if all were there."""
    content = bytes(number % 251 for number in range(size))
    gateway = Gateway(list(troubles), most_bytes)
    limits = UploadLimits(chunk_from_bytes=chunk_from, chunk_bytes=chunk)
    uploader = Uploader(gateway, FakeClock().clock, limits)  # type: ignore[arg-type]
    try:
        uploader.upload(("f",), lambda: io.BytesIO(content), size)
    except (RequestRefused, ServiceUnavailable):
        assert troubles or max(1, chunk // 2) > most_bytes
    else:
        assert gateway.whole == content
