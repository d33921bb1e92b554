"""URL functions (EP:data-prep/functions.md#url). For a text that is not a URL, a part of the URL is null."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, unquote, urlsplit

from include.xdm.dataprep.functions.registry import Function, optional, required
from include.xdm.dataprep.functions.values import Json, json_text
from include.xdm.dataprep.language.types import Type

CATEGORY = "URL"
_PARSING = "DuckDB cannot parse URLs"

_PORTS = {"http": 80, "https": 443, "ftp": 21, "ftps": 990, "sftp": 22, "ssh": 22, "ws": 80, "wss": 443}
_ANCHORS = ("retain", "remove", "append")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _parts(url: str) -> SplitResult | None:
    """Parse a URL; return None if it lacks a protocol or host, or has an invalid port or control characters."""
    text = url.strip()
    if _CONTROL.search(text):  # urlsplit would remove tabs and line breaks
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises if it is not a number
    except ValueError:
        return None
    return parts if parts.scheme and parts.hostname else None


def get_url_protocol(url: str) -> str | None:
    """Return the protocol of a URL; None if the text is not a valid URL."""
    parts = _parts(url)
    return parts.scheme if parts else None


def get_url_host(url: str) -> str | None:
    """Return the host of a URL as written, an IPv6 address with its brackets; None if the text is not a valid URL."""
    parts = _parts(url)
    if parts is None:
        return None
    host = parts.netloc.rpartition("@")[2]
    return host[: host.index("]") + 1] if host.startswith("[") else host.partition(":")[0]


def get_url_port(url: str) -> int | None:
    """Return the port of a URL, or the default port of its protocol; None if it is unknown or the URL is invalid."""
    parts = _parts(url)
    if parts is None:
        return None
    return _PORTS.get(parts.scheme) if parts.port is None else parts.port


def get_url_path(url: str, full_path: bool) -> str | None:
    """Return the path of a URL, or only the last part of the path; None if the text is not a valid URL."""
    parts = _parts(url)
    if parts is None:
        return None
    return parts.path if full_path else parts.path.rpartition("/")[2]


def get_url_query_str(url: str, anchor: str) -> dict[str, Json] | None:
    """Return the values in a URL's query by name, as written; the last value of a name is used.

    ``anchor``: what happens to the part after ``#``: "retain" leaves it at the end of the last value, "remove" drops
    it, "append" adds it as ``_anchor_``. Return None if the text is not a valid URL.
    """
    _anchor(anchor)
    parts = _parts(url)
    if parts is None:
        return None
    kept = f"#{parts.fragment}" if parts.fragment and anchor == "retain" else ""
    pairs = (part.partition("=") for part in f"{parts.query}{kept}".split("&"))
    made = {name: json_text(value) for name, _, value in pairs if name}
    if parts.fragment and anchor == "append":
        made["_anchor_"] = json_text(parts.fragment)
    return made


def get_url_encoded(url: str) -> str:
    """Return the text percent-encoded."""
    return quote(url, safe="-_.").replace("~", "%7E")


def get_url_decoded(url: str) -> str:
    """Return the text percent-decoded."""
    return unquote(url)


def _anchor(word: str) -> None:
    if word not in _ANCHORS:
        raise ValueError(f"{word!r} is not one of {', '.join(_ANCHORS)}")


_INPUT = required("URL", Type.STRING)
_SFTP = '"sftp://example.com//home/joe/employee.csv"'
_FOO = '"foo://example.com:8042/over/there?name=ferret#nose"'
_HTTPS = '"https://platform.adobe.com/home"'
_PLAIN, _ENCODED = (
    "https://example.com/partneralliance_asia-pacific_2022",
    "https%3A%2F%2Fexample.com%2Fpartneralliance_asia-pacific_2022",
)

FUNCTIONS = [
    Function(
        "get_url_protocol", CATEGORY, (_INPUT,), Type.STRING, python=get_url_protocol, because=_PARSING,
        examples=((f"get_url_protocol({_HTTPS})", "https"),),
    ),
    Function(
        "get_url_host", CATEGORY, (_INPUT,), Type.STRING, python=get_url_host, because=_PARSING,
        examples=((f"get_url_host({_HTTPS})", "platform.adobe.com"),),
    ),
    Function(
        "get_url_port", CATEGORY, (_INPUT,), Type.INTEGER, python=get_url_port, because=_PARSING,
        note=f"If the URL has no port, that of the protocol: {', '.join(_PORTS)}; otherwise null.",
        examples=((f"get_url_port({_SFTP})", 22),),
    ),
    Function(
        "get_url_path", CATEGORY, (_INPUT, optional("FULL_PATH", Type.BOOLEAN, "true")), Type.STRING, python=get_url_path,
        because=_PARSING, examples=((f"get_url_path({_SFTP})", "//home/joe/employee.csv"),),
    ),
    Function(
        "get_url_query_str", CATEGORY, (_INPUT, required("ANCHOR", Type.STRING, check=_anchor)), Type.OBJECT,
        python=get_url_query_str, because=_PARSING, note="Values remain encoded.",
        examples=(
            (f'get_url_query_str({_FOO}, "retain")', {"name": "ferret#nose"}),
            (f'get_url_query_str({_FOO}, "remove")', {"name": "ferret"}),
            (f'get_url_query_str({_FOO}, "append")', {"name": "ferret", "_anchor_": "nose"}),
        ),
    ),
    Function(
        "get_url_encoded", CATEGORY, (_INPUT,), Type.STRING, python=get_url_encoded,
        because="Adobe defines which characters are kept", examples=((f'get_url_encoded("{_PLAIN}")', _ENCODED),),
    ),
    Function(
        "get_url_decoded", CATEGORY, (_INPUT,), Type.STRING, python=get_url_decoded,
        because="bytes that are not UTF-8 become U+FFFD", examples=((f'get_url_decoded("{_ENCODED}")', _PLAIN),),
    ),
]  # fmt: skip
