"""The actions of planned faults: what happens to a request. An action is a JSON object, whose ``do`` is its kind."""

from __future__ import annotations

import json
import re
import time
from email.utils import formatdate
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mixpanel_aep_sandbox.faults.body_filters import (
    AllButLastBytes,
    Filter,
    FirstBytes,
    FirstHalf,
    FirstLines,
    Prefix,
    ReplaceFirst,
    SentinelLine,
    WithoutFinalNewline,
)

Framing = Literal["chunked", "content-length", "close"]
"""By what the client recognizes the end of a body: the last chunk, the Content-Length, or the end of the connection."""
Encoding = Literal["as-asked", "gzip", "identity"]
"""Content encoding of the body; ``as-asked`` is the encoding in which the service would have sent the body."""


def _reject_framing_header(name: str) -> str:
    if name.lower() in ("content-length", "transfer-encoding"):
        raise ValueError(
            f"an answer cannot set the header {name.lower()}; use the action cut to break the framing"
        )
    return name


HeaderName = Annotated[
    str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"), AfterValidator(_reject_framing_header)
]
HeaderValue = Annotated[
    str, Field(pattern=r"^([!-~\u0080-\u00ff]([\t -~\u0080-\u00ff]*[!-~\u0080-\u00ff])?)?$")
]
"""A header's value without control characters (RFC 9110, 5.5), which would make the response invalid HTTP."""


class _Action(BaseModel):
    model_config = ConfigDict(extra="forbid")

    delay_seconds: float = Field(default=0, ge=0, le=3600)
    """Delay before the first byte, in real seconds."""


class Delay(_Action):
    """Delay the request by ``delay_seconds``, then let the service process it without changes."""

    do: Literal["delay"] = "delay"


class Answer(_Action):
    """Send another response instead of the service's, such as an error status, an HTML page or an empty body."""

    do: Literal["answer"] = "answer"
    status: int = Field(default=503, ge=200, le=599)
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    body: str = ""
    body_json: object = None
    retry_after: int | HeaderValue | None = None
    """Value of the Retry-After header: a number of seconds, or a text.

    ``date+30`` is sent as the HTTP date 30 seconds from now; any other text is sent unchanged.
    """
    echo_authorization: bool = False
    """Repeat the request's Authorization header in the body, as some proxies do."""
    after: bool = False
    """Let the service process the request first, so that the request takes effect; discard the service's response."""

    def parts(self, authorization: str) -> tuple[list[tuple[str, str]], bytes]:
        """Return the headers and the body of the response.

        The names of the headers are in lower case. Content-Length is not among them.

        Args:
            authorization: the value of the request's Authorization header, for ``echo_authorization``.
        """
        if self.status in (204, 304):
            return [(name.lower(), value) for name, value in self.headers.items()], b""
        is_json = self.body_json is not None
        text = json.dumps(self.body_json, ensure_ascii=False) if is_json else self.body
        if self.echo_authorization:
            text += f"\nYour request had Authorization: {authorization}\n"
        headers = {name.lower(): value for name, value in self.headers.items()}
        kind = "text/html" if text.lstrip()[:1] == "<" else "application/json" if is_json else "text/plain"
        headers.setdefault("content-type", kind)
        if self.retry_after is not None:
            headers["retry-after"] = _retry_after(self.retry_after)
        return list(headers.items()), text.encode()


class Redirect(_Action):
    """Redirect the client to another host, to test that the client does not send its credentials there."""

    do: Literal["redirect"] = "redirect"
    status: Literal[301, 302, 303, 307, 308] = 302
    to: HeaderValue = "https://elsewhere.invalid/api/2.0/export"


class Drop(_Action):
    """Close the connection without a response, as if the service or the network had failed."""

    do: Literal["drop"] = "drop"
    end: Literal["reset", "close"] = "reset"
    after: bool = False
    """Let the service process the request first, so that only the response is lost."""


class _BodyAction(_Action):
    """Base class of the actions that send the service's status and headers, and only a part of the body."""

    encoding: Encoding = "as-asked"
    framing: Framing = "chunked"
    after_bytes: int | None = Field(default=None, ge=0)
    """Number of bytes of the body to send, after compression. Default: half of the body, and at most one megabyte."""
    before_end_bytes: int | None = Field(default=None, ge=0)
    """Number of bytes to omit at the end of the body instead; 8 removes the trailer of a gzip stream."""
    after_lines: int | None = Field(default=None, ge=0)
    """Number of complete lines to send instead; the body is then not compressed."""

    def filter(self) -> Filter:
        """Return a new filter that passes only the part of the body to send."""
        if self.after_lines is not None:
            return FirstLines(self.after_lines)
        if self.before_end_bytes is not None:
            return AllButLastBytes(self.before_end_bytes)
        return FirstHalf() if self.after_bytes is None else FirstBytes(self.after_bytes)


class Cut(_BodyAction):
    """Truncate the body, then close the connection.

    Without ``honest``, the last chunk is missing, or there are fewer bytes than Content-Length states. A body whose end
    is the end of the connection cannot be distinguished from a complete one.
    """

    do: Literal["cut"] = "cut"
    end: Literal["close", "reset", "half-close"] = "close"
    """How the connection ends; after ``half-close``, the server sends nothing more but still accepts data."""
    honest: bool = False
    """Complete the framing of the truncated body, so that only the content shows that something is missing."""
    inside_chunk: bool = False
    """Declare the last chunk as longer than it is; a client reports "237 bytes read, 275 more expected"."""


class Hang(_BodyAction):
    """Send a part of the body, then keep the connection open for ``seconds`` without sending more."""

    do: Literal["hang"] = "hang"
    seconds: float = Field(default=600, gt=0, le=86_400)


class Drip(_Action):
    """Send the complete body slowly: ``bytes_at_a_time`` bytes in every interval of ``every_seconds``."""

    do: Literal["drip"] = "drip"
    bytes_at_a_time: int = Field(default=1, ge=1)
    every_seconds: float = Field(default=1, gt=0, le=600)


class Sentinel(_Action):
    """Send some rows of an export with status 200, then Mixpanel's message that the export ended early.

    Known forms of the message are ``terminated early``, ``export terminated early``, ``[terminated early]`` and
    ``["terminated early"]``.
    """

    do: Literal["sentinel"] = "sentinel"
    text: str = "terminated early"
    after_lines: int | None = Field(default=None, ge=0)
    """Number of rows before the message; None means all rows."""
    mid_line: bool = False
    """Truncate the row before the message in its middle."""
    newline: bool = True
    """End the message with a line feed."""
    rest: bool = False
    """Send the remaining rows after the message."""
    encoding: Encoding = "as-asked"

    def filter(self) -> Filter:
        """Return a new filter that inserts the message into the body."""
        text = self.text.encode() + (b"\n" if self.newline else b"")
        return SentinelLine(text, self.after_lines, mid_line=self.mid_line, rest=self.rest)


class Alter(_Action):
    """Send the complete response in an unusual form. All forms except ``invalid_utf8`` preserve every row."""

    do: Literal["alter"] = "alter"
    how: Literal[
        "bom",
        "crlf",
        "blank_lines",
        "no_final_newline",
        "gzip_members",
        "invalid_utf8",
        "close_delimited",
        "content_length",
    ]
    """The form of the body. The last two forms do not change the body, only how the client recognizes its end."""
    encoding: Encoding = "as-asked"

    def filter(self) -> Filter:
        """Return a new filter that changes the bytes of the body; it changes none if only the framing is unusual."""
        match self.how:
            case "bom":
                return Prefix(b"\xef\xbb\xbf")
            case "crlf":
                return Prefix(b"", lambda data: data.replace(b"\n", b"\r\n"))
            case "blank_lines":
                return Prefix(b"\n", lambda data: data.replace(b"\n", b"\n\n"))
            case "no_final_newline":
                return WithoutFinalNewline()
            case "invalid_utf8":
                return ReplaceFirst(b'"event":"', b'"event":"\xff\xfe')
            case _:
                return Filter()

    def preserves_rows(self) -> bool:
        """Return whether the client can still parse every row of the response."""
        return self.how != "invalid_utf8"


Action = Annotated[
    Delay | Answer | Redirect | Drop | Cut | Hang | Drip | Sentinel | Alter, Field(discriminator="do")
]


def _retry_after(value: int | str) -> str:
    """Return the text of a Retry-After header; ``date+<n>`` is converted to the HTTP date in n seconds of real time."""
    text = str(value)
    if re.fullmatch(r"date\+[0-9]{1,9}", text):
        return formatdate(time.time() + int(text.removeprefix("date+")), usegmt=True)
    return text
