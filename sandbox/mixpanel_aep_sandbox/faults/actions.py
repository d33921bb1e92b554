"""Actions of faults. Each action is a JSON object; ``do`` names its kind."""

from __future__ import annotations

import json
import re
import time
from email.utils import formatdate
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mixpanel_aep_sandbox.faults.body_filters import (
    AllBut,
    Before,
    Filter,
    FirstBytes,
    FirstLines,
    Half,
    Once,
    SentinelLine,
    WithoutEnd,
)

Framing = Literal["chunked", "content-length", "close"]
"""How the end of the body is marked: by a last chunk, by Content-Length, or by the end of the connection."""
Encoding = Literal["as-asked", "gzip", "identity"]
"""``as-asked``: the encoding that the service would have sent."""


def _unframed(name: str) -> str:
    if name.lower() in ("content-length", "transfer-encoding"):
        raise ValueError("only the action cut can break the framing; an answer keeps it")
    return name


HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"), AfterValidator(_unframed)]
HeaderValue = Annotated[
    str, Field(pattern=r"^([!-~\u0080-\u00ff]([\t -~\u0080-\u00ff]*[!-~\u0080-\u00ff])?)?$")
]
"""RFC 9110, 5.5: any other character would break the response in an unplanned way."""


class _Action(BaseModel):
    model_config = ConfigDict(extra="forbid")

    delay_seconds: float = Field(default=0, ge=0, le=3600)
    """Delay before the first byte, in real seconds."""


class Pass(_Action):
    """Delay the request, then pass it on unchanged."""

    do: Literal["delay"] = "delay"


class Answer(_Action):
    """Replace the service's response: a status, an HTML page, an error with 200, or an empty body."""

    do: Literal["answer"] = "answer"
    status: int = Field(default=503, ge=200, le=599)
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    body: str = ""
    body_json: object = None
    retry_after: int | HeaderValue | None = None
    """Seconds; ``date+30`` for an HTTP date 30 seconds from now; any other text is sent as it is."""
    echo_authorization: bool = False
    """Repeat the request's Authorization header in the body, as careless proxies do."""
    after: bool = False
    """Let the service process the request first: it takes effect, but the client gets another response."""

    def parts(self, authorization: str) -> tuple[list[tuple[str, str]], bytes]:
        """Return headers and body."""
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
    """Redirect to another address; a client that forwards its credentials leaks them."""

    do: Literal["redirect"] = "redirect"
    status: Literal[301, 302, 303, 307, 308] = 302
    to: HeaderValue = "https://elsewhere.invalid/api/2.0/export"


class Drop(_Action):
    """Close the connection without a response."""

    do: Literal["drop"] = "drop"
    end: Literal["reset", "close"] = "reset"
    after: bool = False
    """Let the service process the request first: only the response is lost."""


class _OfBody(_Action):
    """Base of actions that keep the service's status and headers and change the body."""

    encoding: Encoding = "as-asked"
    framing: Framing = "chunked"
    after_bytes: int | None = Field(default=None, ge=0)
    """Bytes of the body as sent, after compression. Default: half of it, and at most about a megabyte."""
    before_end_bytes: int | None = Field(default=None, ge=0)
    """Counted from the end instead; 8 removes the trailer of a gzip stream."""
    after_lines: int | None = Field(default=None, ge=0)
    """Complete lines of the body before compression; for an uncompressed body only."""

    def filter(self) -> Filter:
        """Return the filter that passes the part of the body that is sent."""
        if self.after_lines is not None:
            return FirstLines(self.after_lines)
        if self.before_end_bytes is not None:
            return AllBut(self.before_end_bytes)
        return Half() if self.after_bytes is None else FirstBytes(self.after_bytes)


class Cut(_OfBody):
    """End the body early.

    ``honest``: the framing is complete, so only the content shows that something is missing. Otherwise the last
    chunk is missing, or there are fewer bytes than Content-Length promised. A body that ends with the connection
    cannot be distinguished from a complete one.
    """

    do: Literal["cut"] = "cut"
    end: Literal["close", "reset", "half-close"] = "close"
    """``half-close``: the server sends nothing more, and keeps the connection open for what the client sends."""
    honest: bool = False
    inside_chunk: bool = False
    """The last chunk is announced as longer than it is: "237 bytes read, 275 more expected"."""


class Hang(_OfBody):
    """Stop the body, and keep the connection open and silent."""

    do: Literal["hang"] = "hang"
    seconds: float = Field(default=600, gt=0, le=86_400)


class Drip(_Action):
    """Send the whole body, a few bytes at a time."""

    do: Literal["drip"] = "drip"
    bytes_at_a_time: int = Field(default=1, ge=1)
    every_seconds: float = Field(default=1, gt=0, le=600)


class Sentinel(_Action):
    """Send rows, then Mixpanel's own message that the export ended early: a 200 that is not complete.

    Seen as ``terminated early``, ``export terminated early``, ``[terminated early]``, ``["terminated early"]``.
    """

    do: Literal["sentinel"] = "sentinel"
    text: str = "terminated early"
    after_lines: int | None = Field(default=None, ge=0)
    """Number of rows before the message; default: all."""
    mid_line: bool = False
    """Cut the row before the message in the middle."""
    newline: bool = True
    """End the message with a line feed."""
    rest: bool = False
    """Send the remaining rows after the message."""
    encoding: Encoding = "as-asked"

    def filter(self) -> Filter:
        """Return the filter that inserts the message."""
        text = self.text.encode() + (b"\n" if self.newline else b"")
        return SentinelLine(text, self.after_lines, mid_line=self.mid_line, rest=self.rest)


class Alter(_Action):
    """Send the complete response in an unusual form. All forms except ``invalid_utf8`` keep every row."""

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
    """The last two: the same body, whose end is marked by the end of the connection, or by its length."""
    encoding: Encoding = "as-asked"

    def filter(self) -> Filter:
        """Return the filter that changes the body."""
        match self.how:
            case "bom":
                return Before(b"\xef\xbb\xbf")
            case "crlf":
                return Before(b"", lambda data: data.replace(b"\n", b"\r\n"))
            case "blank_lines":
                return Before(b"\n", lambda data: data.replace(b"\n", b"\n\n"))
            case "no_final_newline":
                return WithoutEnd()
            case "invalid_utf8":
                return Once(b'"event":"', b'"event":"\xff\xfe')
            case _:
                return Filter()

    def keeps_rows(self) -> bool:
        """Return whether the client still gets every row."""
        return self.how != "invalid_utf8"


Action = Annotated[
    Pass | Answer | Redirect | Drop | Cut | Hang | Drip | Sentinel | Alter, Field(discriminator="do")
]


def _retry_after(value: int | str) -> str:
    text = str(value)
    if re.fullmatch(r"date\+[0-9]{1,9}", text):
        return formatdate(time.time() + int(text.removeprefix("date+")), usegmt=True)
    return text
