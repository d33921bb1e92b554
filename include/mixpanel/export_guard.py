"""Check by the lines of a Mixpanel export whether the export is complete.

If Mixpanel or a proxy breaks off an export, the response may still have status 200 and look complete to an HTTP client.
"""

from __future__ import annotations

import json
import re
import string

from include.errors import ExportTerminatedEarly, ExportTooLarge, NotAnExport, TruncatedExport
from include.mixpanel.errors import NOTHING_PUBLISHED
from include.mixpanel.json_tokens import JSON_TOKEN

_MOST_BLANK = 100_000
_MOST_OTHERS = 10_000
_MEMBERS = {"event", "properties"}
_BOM = b"\xef\xbb\xbf"

# "terminated early", the sentinel that Mixpanel writes into an export that it breaks off. Users have seen it as plain
# text, in brackets, as a JSON array and after "export": Airbyte's source-mixpanel, mixpanel/mixpanel-utils#5,
# michaelcarter/mixpanel-data-export-js#31. A gateway may wrap it in a web page or a JSON object.
_GAP = rb"(?:[\W_]|nbsp|20)*"
_ENDED = rb"(?:terminat[a-z]{0,10}?|ended|stopped|aborted|interrupted)"
_SENTINEL_WORDS = re.compile(
    _ENDED + _GAP + rb"(?:too" + _GAP + rb")?(?:early|prematurely)|early" + _GAP + rb"terminat", re.IGNORECASE
)
# A truncated event may contain these words in its own text, so in such a line they only count at the end.
_SENTINEL_AT_END = re.compile(rb"terminated" + _GAP + rb"early(?:[\W_]*|[^\"{}]{0,200})\Z", re.IGNORECASE)
ALPHANUMERIC = (string.ascii_letters + string.digits).encode()
_OTHER_BYTES = bytes(set(range(256)) - set(ALPHANUMERIC))
_WEB_PAGE = re.compile(
    rb"\s*<(?:!doctype|\?xml|!--|/?(?:html|head|title|body|h[1-6]|p|div|center|hr|pre)\b)", re.IGNORECASE
)
_EVENT_BEGUN = re.compile(rb'\s*\{\s*"(?:event|properties)"\s*:')
_ERROR_TEXT = re.compile(rb"\W*api error", re.IGNORECASE)


def clean_line(line: bytes, *, first: bool) -> bytes:
    """Return ``line`` without a carriage return at its end and, if it is the first line, without a byte order mark."""
    line = line.removesuffix(b"\r")
    return line.removeprefix(_BOM) if first else line


def is_event(line: bytes) -> bool:
    """Return whether a line is a JSON object with the members ``event`` and ``properties``.

    A line that begins and ends like such an object is accepted without parsing it; the transform step parses it.
    """
    if _looks_like_event(line):
        return True
    value = _parse_leniently(line)
    return value is _TOO_DEEP or (isinstance(value, dict) and value.keys() >= _MEMBERS)


def _looks_like_event(line: bytes) -> bool:
    return line.startswith(b'{"event":') and line.endswith(b"}") and b'"properties"' in line


def _ends_in_early(line: bytes) -> bool:
    return line.rstrip(_OTHER_BYTES)[-len(b"early") :].lower() == b"early"


class ExportGuard:
    """Checks the lines of an export in their order, and raises if they cannot be those of a complete export.

    It detects the words by which Mixpanel reports that it terminated the export, error messages, web pages, and a
    truncated last line. Any other line that is not an event is accepted and counted; the transform step quarantines it.
    """

    def __init__(self) -> None:
        self._lines = 0
        self._blank = 0
        self._others = 0
        self._last = b""

    def count_blank_line(self) -> None:
        """Count a blank line.

        Raises:
            ExportTooLarge: there are more blank lines than an export may have; they could be a decompression bomb.
        """
        self._blank += 1
        if self._blank > _MOST_BLANK + 2 * self._lines:
            raise ExportTooLarge(
                f"Mixpanel's response has more than {_MOST_BLANK} blank lines, too many for an export.",
                "No file was published. Contact Mixpanel support.",
            )

    @property
    def lines(self) -> int:
        """The number of lines checked or counted so far, without blank lines."""
        return self._lines

    def count_ordinary_lines(self, lines: int, last: bytes) -> None:
        """Count lines that the caller has recognized as events by the same rule as ``check_line``, without parsing.

        ``lines``: their number. ``last``: the last of them, which ``finish`` checks if no other line follows.
        """
        self._lines += lines
        self._last = last

    def check_line(self, line: bytes) -> bool:
        """Check the next line, which must not be blank, and return whether it is an event (see ``is_event``).

        Raises:
            ExportTerminatedEarly: the line states that Mixpanel terminated the export early.
            NotAnExport: the line is an error message or a web page, or too many lines so far are not events.
        """
        self._lines += 1
        self._last = line
        # A line that looks like an event is only parsed here if it may be truncated and end with the sentinel.
        looks_like_event = _looks_like_event(line)
        if looks_like_event and not _ends_in_early(line):
            return True
        value = _parse_leniently(line)
        if value is _TOO_DEEP or (isinstance(value, dict) and value.keys() >= _MEMBERS):
            return True
        if _says_terminated(line, value):
            raise ExportTerminatedEarly("Mixpanel terminated this export early.", NOTHING_PUBLISHED)
        if _WEB_PAGE.match(line) or (self._lines == 1 and line.lstrip().startswith(b"<")):
            raise _not_an_export("a web page")
        if _ERROR_TEXT.match(line) or (isinstance(value, dict) and "error" in value):
            raise _not_an_export("an error message")
        self._others += 1
        if self._others > max(_MOST_OTHERS, self._lines // 2):
            raise _not_events()
        return looks_like_event

    def finish(self) -> None:
        """Check that the last line is a complete event; to be called after the last line. An empty export is accepted.

        Raises:
            TruncatedExport: the last line is not a complete event.
            NotAnExport: the response is a single line that does not begin like an event.
        """
        if not self._lines:
            return
        value = _parse_leniently(self._last)
        if value is _TOO_DEEP or (isinstance(value, dict) and value.keys() >= _MEMBERS):
            return
        if self._lines == 1 and not self._last.startswith(b"{"):
            raise _not_events()
        raise TruncatedExport(
            "Mixpanel's response is truncated: its last line is not a complete event.", NOTHING_PUBLISHED
        )


def _says_terminated(line: bytes, value: object) -> bool:
    """Return whether a line that is not an event contains the words by which Mixpanel reports an early termination.

    ``value``: the result of ``_parse_leniently`` for the line.
    """
    if value is _UNPARSABLE and _EVENT_BEGUN.match(line):
        return _SENTINEL_AT_END.search(line) is not None
    if isinstance(value, dict) and isinstance(value.get("properties"), dict):
        return False  # an event without a name, whose text may contain the words by chance
    if _SENTINEL_WORDS.search(line):
        return True
    # In JSON, the words may be written with escapes.
    return (
        b"\\u" in line
        and value is not _UNPARSABLE
        and bool(_SENTINEL_WORDS.search(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")))
    )


def _not_events() -> NotAnExport:
    return NotAnExport(
        "Mixpanel's response is not a list of events.",
        "No file was published; the task is retried. If it happens every time, check for a gateway or a login page "
        "between this machine and Mixpanel.",
    )


def _not_an_export(what: str) -> NotAnExport:
    """Return the error for a response that is not an export; ``what`` says what it is instead.

    The message quotes nothing of the response, which may contain personal data.
    """
    return NotAnExport(
        f"Mixpanel responded with {what} instead of events.",
        "No file was published; the task is retried. If it happens every time, check for a gateway or a login page "
        "between this machine and Mixpanel.",
    )


_UNPARSABLE = object()
_TOO_DEEP = object()


def _parse_leniently(line: bytes) -> object:
    """Return ``line`` parsed as JSON, where invalid UTF-8, control characters and very long integers are accepted.

    Returns ``_UNPARSABLE`` if the line is not complete JSON, and ``_TOO_DEEP`` if it is complete but nested too deeply
    for the parser.
    """
    try:
        text = line.decode("utf-8", "surrogateescape")
        return json.loads(text, strict=False, parse_int=str)
    except ValueError:
        return _UNPARSABLE
    except RecursionError:
        return _TOO_DEEP if _has_balanced_brackets(line) else _UNPARSABLE


def _has_balanced_brackets(line: bytes) -> bool:
    """Return whether a line begins with ``{`` and closes all brackets outside strings, as no truncated object does."""
    depth = 0
    for token in JSON_TOKEN.finditer(line):
        if token[1] == b"":
            return False
        if token[1] is None:
            depth += 1 if token[0] in b"{[" else -1
    return depth == 0 and line.startswith(b"{")
