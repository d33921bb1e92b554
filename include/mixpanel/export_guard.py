"""The parts of reading an export that need no network: gunzip, and the proof that an export is whole."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from isal import isal_zlib
from isal.igzip_lib import IsalError

from include.errors import ExportTerminatedEarly, ExportTooLarge, NotAnExport, TruncatedExport
from include.http.line_splitter import LineSplitter
from include.mixpanel.json_tokens import JSON_TOKEN

__all__ = ["ExportGuard", "GunzipStream", "LineSplitter", "clean_line", "is_event"]

_GZIP = 16 + isal_zlib.MAX_WBITS
_MAGIC = 0x1F
_PIECE_BYTES = 256 * 1024  # with what is computed from it, it fits the cache of a core
_BOMB_BYTES = 1024**3
_BOMB_RATIO = 1000  # events compress 10 to 30 times; deflate's own limit is 1032
_MOST_BLANK = 100_000
_MOST_OTHERS = 10_000
_MEMBERS = {"event", "properties"}
_BOM = b"\xef\xbb\xbf"
_AGAIN = "Nothing of it was published; the day is exported again."

# Airbyte's source-mixpanel, mixpanel/mixpanel-utils#5 and michaelcarter/mixpanel-data-export-js#31 saw it as plain
# text, in brackets, as a JSON array and after "export"; a gateway may wrap it in a page or a JSON object.
_GAP = rb"(?:[\W_]|nbsp|20)*"
_ENDED = rb"(?:terminat[a-z]{0,10}?|ended|stopped|aborted|interrupted)"
_SENTINEL_WORDS = re.compile(
    _ENDED + _GAP + rb"(?:too" + _GAP + rb")?(?:early|prematurely)|early" + _GAP + rb"terminat", re.IGNORECASE
)
# Glued to half an event, whose own text may say anything: only what nothing but the sentinel can follow counts.
_SENTINEL_AT_END = re.compile(rb"terminated" + _GAP + rb"early(?:[\W_]*|[^\"{}]{0,200})\Z", re.IGNORECASE)
_WEB_PAGE = re.compile(
    rb"\s*<(?:!doctype|\?xml|!--|/?(?:html|head|title|body|h[1-6]|p|div|center|hr|pre)\b)", re.IGNORECASE
)
_EVENT_BEGUN = re.compile(rb'\s*\{\s*"(?:event|properties)"\s*:')
_ERROR_TEXT = re.compile(rb"\W*api error", re.IGNORECASE)


class GunzipStream:
    """Decompresses gzip of any number of members, in any pieces, a bounded amount at a time.

    requests and urllib3 take a gzip stream without its trailer for a complete one. ``keep`` is called with the bytes of
    the members as they are read, and not with the padding between and after them.
    """

    def __init__(
        self,
        bomb_bytes: int = _BOMB_BYTES,
        bomb_ratio: int = _BOMB_RATIO,
        keep: Callable[[bytes], object] | None = None,
    ) -> None:
        self._bomb_bytes, self._bomb_ratio, self._keep = bomb_bytes, bomb_ratio, keep
        self._member = isal_zlib.decompressobj(_GZIP)
        self._inside = False
        self._members = 0
        self._received = 0
        self._produced = 0

    @property
    def finished(self) -> bool:
        """Whether the trailer of the last member has been seen, and nothing after it."""
        return self._members > 0 and not self._inside

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What ``data`` expands to.

        Raises:
            TruncatedExport: it is damaged.
            ExportTooLarge: it expands like nothing that holds events.
        """
        self._received += len(data)
        while data:
            if not self._inside:
                # gzip files may be padded with zeros between and after members: gzip(1)
                data = data.lstrip(b"\0") if self._members else data
                if not data:
                    return
                if data[0] != _MAGIC:  # of a few bytes isal does not say yet that they begin no member
                    raise _damaged()
                self._member, self._inside = isal_zlib.decompressobj(_GZIP), True
            piece = self._expand(data)
            left = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if self._keep is not None:
                self._keep(data[: len(data) - len(left)])
            data = left
            if self._member.eof:
                self._inside, self._members = False, self._members + 1
            if piece:
                yield piece
            elif not data:
                return

    def _expand(self, data: bytes) -> bytes:
        try:
            piece = self._member.decompress(data, _PIECE_BYTES)
        except IsalError:  # type: ignore[misc]  # its stub declares an instance
            damaged = True
        else:
            damaged = False
        if damaged:
            raise _damaged()
        self._produced += len(piece)
        if self._produced > self._bomb_bytes and self._produced > self._bomb_ratio * self._received:
            raise ExportTooLarge(
                f"Mixpanel's answer expands to more than {self._bomb_ratio} times its size, which no export does.",
                "Nothing was published; ask Mixpanel what it sends.",
            )
        return piece


def _damaged() -> TruncatedExport:
    return TruncatedExport("Mixpanel's answer is damaged: its gzip cannot be read.", _AGAIN)


def clean_line(line: bytes, *, first: bool) -> bytes:
    """``line`` without the carriage return of CRLF and, if it is the first one, without a byte order mark."""
    line = line.removesuffix(b"\r")
    return line.removeprefix(_BOM) if first else line


def is_event(line: bytes) -> bool:
    """Whether a line has the shape of an event, whatever its values are."""
    if _looks_like_event(line):
        return True
    value = _parsed(line)
    return value is _TOO_DEEP or (isinstance(value, dict) and value.keys() >= _MEMBERS)


def _looks_like_event(line: bytes) -> bool:
    return line.startswith(b'{"event":') and line.endswith(b"}") and b'"properties"' in line


class ExportGuard:
    """Sees every line of an export and raises unless they can be all of it.

    A line in the middle that is not an event is let through: the transform step quarantines it with its reason.
    """

    def __init__(self) -> None:
        self._lines = 0
        self._blank = 0
        self._others = 0
        self._last = b""

    def see_blank(self) -> None:
        """Counts a blank line.

        Raises:
            ExportTooLarge: there are more of them than in any export; gzip packs a billion into a megabyte.
        """
        self._blank += 1
        if self._blank > _MOST_BLANK + 2 * self._lines:
            raise ExportTooLarge(
                f"Mixpanel's answer has more than {_MOST_BLANK} blank lines, which no export has.",
                "Nothing was published; ask Mixpanel what it sends.",
            )

    @property
    def lines(self) -> int:
        """Lines seen so far, without blank ones."""
        return self._lines

    def see_ordinary(self, lines: int, last: bytes) -> None:
        """Counts lines of which ``see`` would find at once that they are events; ``last`` is the last of them."""
        self._lines += lines
        self._last = last

    def see(self, line: bytes) -> bool:
        """Checks the next line that is not blank. Returns whether it has the shape of an event (``is_event``).

        Raises:
            ExportTerminatedEarly: it says that Mixpanel gave up.
            NotAnExport: it is an error message or a web page; or most lines are something else than events.
        """
        self._lines += 1
        self._last = line
        # Parsed by the transform step; text inside such a line proves nothing, unless the line is not what it seems.
        looks_like_event = _looks_like_event(line)
        if looks_like_event and not (b"early" in line or b"EARLY" in line or b"Early" in line):
            return True
        value = _parsed(line)
        if value is _TOO_DEEP or (isinstance(value, dict) and value.keys() >= _MEMBERS):
            return True
        if _says_terminated(line, value):
            raise ExportTerminatedEarly("Mixpanel stopped this export before its end.", _AGAIN)
        if _WEB_PAGE.match(line) or (self._lines == 1 and line.lstrip().startswith(b"<")):
            raise _not_an_export("a web page")
        if _ERROR_TEXT.match(line) or (isinstance(value, dict) and "error" in value):
            raise _not_an_export("an error message")
        self._others += 1
        if self._others > max(_MOST_OTHERS, self._lines // 2):
            raise _not_events()
        return looks_like_event

    def finish(self) -> None:
        """Called after the last line.

        Raises:
            TruncatedExport: the last line is not a whole event.
            NotAnExport: the only line is something else than an event.
        """
        if not self._lines:
            return
        value = _parsed(self._last)
        if value is _TOO_DEEP or (isinstance(value, dict) and value.keys() >= _MEMBERS):
            return
        if self._lines == 1 and not self._last.startswith(b"{"):
            raise _not_events()
        raise TruncatedExport("Mixpanel's answer broke off: its last line is not a whole event.", _AGAIN)


def _says_terminated(line: bytes, value: Any) -> bool:
    """Whether a line that is not an event says that the export ended early."""
    if value is _UNPARSABLE and _EVENT_BEGUN.match(line):
        return _SENTINEL_AT_END.search(line) is not None
    if isinstance(value, dict) and isinstance(value.get("properties"), dict):
        return False  # an event that has lost its name, and may say anything
    if _SENTINEL_WORDS.search(line):
        return True
    # JSON may write any character as an escape.
    return (
        b"\\u" in line
        and value is not _UNPARSABLE
        and bool(_SENTINEL_WORDS.search(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")))
    )


def _not_events() -> NotAnExport:
    return NotAnExport(
        "Mixpanel's answer is not a list of events.",
        "Nothing was published; it is tried again. If it happens every time, look for a gateway or a login page "
        "between this machine and Mixpanel.",
    )


def _not_an_export(what: str) -> NotAnExport:
    """Of what came instead nothing is told: it may be an event in another form."""
    return NotAnExport(
        f"Mixpanel answered with {what} in place of events.",
        "Nothing was published; it is tried again. If it happens every time, look for a gateway or a login page "
        "between this machine and Mixpanel.",
    )


_UNPARSABLE = object()
_TOO_DEEP = object()


def _parsed(line: bytes) -> Any:
    """``line`` as JSON, read leniently: this asks whether a line is whole, not whether its values are usable."""
    try:
        text = line.decode("utf-8", "surrogateescape")
        return json.loads(text, strict=False, parse_int=str)
    except ValueError:
        return _UNPARSABLE
    except RecursionError:
        return _TOO_DEEP if _balanced(line) else _UNPARSABLE


def _balanced(line: bytes) -> bool:
    """Whether every bracket outside strings is closed; no proper beginning of a JSON object is."""
    depth = 0
    for token in JSON_TOKEN.finditer(line):
        if token[1] == b"":
            return False
        if token[1] is None:
            depth += 1 if token[0] in b"{[" else -1
    return depth == 0 and line.startswith(b"{")
