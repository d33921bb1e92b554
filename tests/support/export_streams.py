"""Responses of the export for tests without a network, in chunks and with headers of the test's choice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise

import urllib3
from hypothesis import strategies as st

from include.http.response import StreamedResponse
from include.mixpanel.export_stream import ExportStream

EVENTS = st.lists(
    st.builds(
        lambda name, value: json.dumps(
            {"event": name, "properties": {"v": value}}, ensure_ascii=False, separators=(",", ":")
        ).encode(),
        st.text(st.characters(codec="utf-8"), max_size=20),
        st.text(st.sampled_from('a\x85\u2028\u2029\ufeff"\\{}[]é☕'), max_size=20),
    ),
    min_size=1,
    max_size=6,
)


class Raw:
    """The body of a response, which arrives in the given chunks."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._left = filter(None, chunks)

    def read1(self, size: int, *, decode_content: bool) -> bytes:
        return next(self._left, b"")


class Response:
    """A response with the given headers; closing it does nothing."""

    def __init__(self, status: int, chunks: Iterable[bytes], headers: dict[str, str]) -> None:
        self.status_code, self.raw, self.headers = status, Raw(chunks), urllib3.HTTPHeaderDict(headers)

    def close(self) -> None:
        pass


def opened(
    chunks: Iterable[bytes], *, is_framed: bool = True, status: int = 200, **headers: object
) -> ExportStream:
    """Return the stream of an export; ``is_framed``: with the HTTP framing of a chunked response."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if is_framed and not {"Content-Length", "Transfer-Encoding"} & named.keys():
        named["Transfer-Encoding"] = "chunked"
    return ExportStream(StreamedResponse.begin(Response(status, chunks, named)))  # type: ignore[arg-type]


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]
