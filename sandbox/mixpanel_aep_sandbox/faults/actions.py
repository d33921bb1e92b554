"""What can happen to a request. Each action is a JSON object that ``do`` names."""

from __future__ import annotations

import json
import re
import time
from email.utils import formatdate
from typing import Annotated, Any, Literal

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
"""How the end of the body is told: by a last chunk, by its length, or by the end of the connection."""
Encoding = Literal["as-asked", "gzip", "identity"]
"""``as-asked``: as the service would have sent it."""


def _unframed(name: str) -> str:
    if name.lower() in ("content-length", "transfer-encoding"):
        raise ValueError("the action cut breaks the framing; an answer keeps it")
    return name


HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"), AfterValidator(_unframed)]
HeaderValue = Annotated[
    str, Field(pattern=r"^([!-~\u0080-\u00ff]([\t -~\u0080-\u00ff]*[!-~\u0080-\u00ff])?)?$")
]
"""RFC 9110, 5.5: anything else would break the answer, and not as planned."""


class _Action(BaseModel):
    model_config = ConfigDict(extra="forbid")

    delay_seconds: float = Field(default=0, ge=0, le=3600)
    """Silence before the first byte, in real seconds."""


class Pass(_Action):
    """Nothing but the delay."""

    do: Literal["delay"] = "delay"


class Answer(_Action):
    """Another answer instead of the service's: a status, an HTML page, an error with 200, nothing at all."""

    do: Literal["answer"] = "answer"
    status: int = Field(default=503, ge=200, le=599)
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    body: str = ""
    body_json: Any = None
    retry_after: int | HeaderValue | None = None
    """Seconds; ``date+30`` for an HTTP date 30 seconds from now; any other text is sent as it is."""
    echo_authorization: bool = False
    """Repeat the request's Authorization header in the body, as careless proxies do."""
    after: bool = False
    """Let the service do what it was asked first: done, but the caller hears otherwise."""

    def parts(self, authorization: str) -> tuple[list[tuple[str, str]], bytes]:
        """Headers and body."""
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
    """Elsewhere; whoever follows with its credentials gives them away."""

    do: Literal["redirect"] = "redirect"
    status: Literal[301, 302, 303, 307, 308] = 302
    to: HeaderValue = "https://elsewhere.invalid/api/2.0/export"


class Drop(_Action):
    """The connection ends without an answer."""

    do: Literal["drop"] = "drop"
    end: Literal["reset", "close"] = "reset"
    after: bool = False
    """Let the service do what it was asked first: only the reply is lost."""


class _OfBody(_Action):
    """Happens to the service's own answer: status and headers stay, the body does not."""

    encoding: Encoding = "as-asked"
    framing: Framing = "chunked"
    after_bytes: int | None = Field(default=None, ge=0)
    """Of the body as sent, so after compression. Default: half of it, and of a large one a megabyte."""
    before_end_bytes: int | None = Field(default=None, ge=0)
    """Counted from the end instead; 8 takes the trailer from a gzip stream."""
    after_lines: int | None = Field(default=None, ge=0)
    """Whole lines of the body before compression; for an uncompressed body only."""

    def filter(self) -> Filter:
        """What lets pass only what is sent."""
        if self.after_lines is not None:
            return FirstLines(self.after_lines)
        if self.before_end_bytes is not None:
            return AllBut(self.before_end_bytes)
        return Half() if self.after_bytes is None else FirstBytes(self.after_bytes)


class Cut(_OfBody):
    """The body stops early.

    ``honest``: the framing ends as it should, so only the content tells that something is missing. Otherwise
    the last chunk never comes, or fewer bytes than Content-Length promised; a body that ends with the
    connection cannot be told from a whole one at all.
    """

    do: Literal["cut"] = "cut"
    end: Literal["close", "reset", "half-close"] = "close"
    """``half-close``: the server says no more, and keeps the connection open for what the client says."""
    honest: bool = False
    inside_chunk: bool = False
    """The last chunk is announced as longer than it is: "237 bytes read, 275 more expected"."""


class Hang(_OfBody):
    """The body stops, and the connection stays open and silent."""

    do: Literal["hang"] = "hang"
    seconds: float = Field(default=600, gt=0, le=86_400)


class Drip(_Action):
    """The whole body, a few bytes at a time."""

    do: Literal["drip"] = "drip"
    bytes_at_a_time: int = Field(default=1, ge=1)
    every_seconds: float = Field(default=1, gt=0, le=600)


class Sentinel(_Action):
    """Rows, then Mixpanel's own word that the export died: a 200 that is not complete.

    Seen as ``terminated early``, ``export terminated early``, ``[terminated early]``, ``["terminated early"]``.
    """

    do: Literal["sentinel"] = "sentinel"
    text: str = "terminated early"
    after_lines: int | None = Field(default=None, ge=0)
    """How many rows come before it; default: all."""
    mid_line: bool = False
    """The row before it is cut in the middle."""
    newline: bool = True
    """Whether the text ends with a line feed."""
    rest: bool = False
    """Whether the other rows follow after it."""
    encoding: Encoding = "as-asked"

    def filter(self) -> Filter:
        text = self.text.encode() + (b"\n" if self.newline else b"")
        return SentinelLine(text, self.after_lines, mid_line=self.mid_line, rest=self.rest)


class Alter(_Action):
    """The whole answer in an odd form. All but ``invalid_utf8`` still hold every row."""

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
    """The last two: the same body, whose end is told by the connection's, or by its length."""
    encoding: Encoding = "as-asked"

    def filter(self) -> Filter:
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
        return self.how != "invalid_utf8"


Action = Annotated[
    Pass | Answer | Redirect | Drop | Cut | Hang | Drip | Sentinel | Alter, Field(discriminator="do")
]


def _retry_after(value: int | str) -> str:
    text = str(value)
    if re.fullmatch(r"date\+[0-9]{1,9}", text):
        return formatdate(time.time() + int(text.removeprefix("date+")), usegmt=True)
    return text
