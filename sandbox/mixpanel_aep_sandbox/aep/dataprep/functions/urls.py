"""URL functions (EP:data-prep/functions.md#url), after the grammar of RFC 3986 [I]: an invalid URL gives null."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Parameter, function
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_URL = "URL"
_PARAMETER = Parameter("URL", "string", "The URL.")
_HOME = "https://platform.adobe.com/home"
_FILE = "sftp://example.com//home/joe/employee.csv"
_NOSE = "foo://example.com:8042/over/there?name=ferret#nose"
_PORTS = {"http": 80, "https": 443, "ftp": 21, "ftps": 990, "sftp": 22, "ssh": 22, "ws": 80, "wss": 443}


_SYNTAX = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?:[^\[\]/?#]*@)?(?P<host>\[[^\]/?#@]+\]|[^\[\]:/?#@]+)(?::(?P<port>[0-9]*))?"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LARGEST_PORT = 65535


@dataclass(frozen=True)
class _Url:
    protocol: str
    host: str
    port: int | None
    path: str
    query: str
    fragment: str


def _parse(text: str) -> _Url | None:
    """Return the components of a URL with an authority; None for any other text, or one with control characters."""
    match = _SYNTAX.fullmatch(text.strip())
    if match is None or _CONTROL.search(match[0]):
        return None
    found = match.groupdict(default="")
    # RFC 3986, 3.1: schemes are case-insensitive, their canonical form is lower case. 3.2.3: a port may be empty.
    protocol = found["scheme"].lower()
    port = int(found["port"][-6:]) if found["port"] else _PORTS.get(protocol)
    if len(found["port"].lstrip("0")) > 5 or (port or 0) > _LARGEST_PORT:
        return None
    return _Url(protocol, found["host"], port, found["path"], found["query"], found["fragment"])


@function(
    _URL,
    "The protocol of a URL.",
    _PARAMETER,
    returns="string",
    example=(f'get_url_protocol("{_HOME}")', "https"),
)
def get_url_protocol(text: str) -> str | None:
    """Return the protocol of a URL."""
    url = _parse(text)
    return None if url is None else url.protocol


@function(
    _URL,
    "The host of a URL.",
    _PARAMETER,
    returns="string",
    example=(f'get_url_host("{_HOME}")', "platform.adobe.com"),
)
def get_url_host(text: str) -> str | None:
    """Return the host as written: not in lower case, and an IPv6 address with its brackets."""
    url = _parse(text)
    return None if url is None else url.host


@function(
    _URL,
    "The port of a URL, by default that of the protocol.",
    _PARAMETER,
    returns="integer",
    example=(f'get_url_port("{_FILE}")', "22"),
)
def get_url_port(text: str) -> int | None:
    """Return the port of a URL."""
    url = _parse(text)
    return None if url is None else url.port


@function(
    _URL,
    "The path of a URL.",
    _PARAMETER,
    Parameter("FULL_PATH", "boolean", "False: only what follows the last slash.", required=False),
    returns="string",
    example=(f'get_url_path("{_FILE}")', '"//home/joe/employee.csv"'),
)
def get_url_path(text: str, full: bool = True) -> str | None:
    """Return the path; ``full`` False: "only the end of the path"."""
    url = _parse(text)
    if url is None:
        return None
    return url.path if full else url.path[url.path.rfind("/") + 1 :]


@function(
    _URL,
    "The query of a URL as a map, of values as they are written.",
    _PARAMETER,
    Parameter("ANCHOR", "string", "Handling of the anchor: retain, remove or append."),
    returns="map",
    example=(f'get_url_query_str("{_NOSE}", "retain")', '{"name": "ferret#nose"}'),
)
def get_url_query_str(text: str, anchor: str) -> dict[str, str] | None:
    """Return the query as a map. ``retain`` leaves the anchor in the last value; ``append`` adds an entry for it."""
    if anchor not in ("retain", "remove", "append"):
        raise EvaluationError("get_url_query_str(): ANCHOR is retain, remove or append.")
    url = _parse(text)
    if url is None:
        return None
    query = f"{url.query}#{url.fragment}" if anchor == "retain" and url.fragment else url.query
    values: dict[str, str] = {}
    for entry in query.split("&"):
        name, _, value = entry.partition("=")
        if name:
            values[name] = value
    if anchor == "append" and url.fragment:
        values["_anchor_"] = url.fragment
    return values


@function(
    _URL,
    "The text with special characters as percent signs and hexadecimal digits.",
    _PARAMETER,
    returns="string",
    example=(
        'get_url_encoded("https://example.com/partneralliance_asia-pacific_2022")',
        "https%3A%2F%2Fexample.com%2Fpartneralliance_asia-pacific_2022",
    ),
)
def get_url_encoded(url: str) -> str:
    """Encode special characters: "Special characters" in the appendix of EP:data-prep/functions.md.

    A space is %20, ~ is %7E.
    """
    return quote(url, safe="", errors="replace").replace("~", "%7E")


@function(
    _URL,
    "The text with percent signs and hexadecimal digits as the characters that they stand for.",
    _PARAMETER,
    returns="string",
    example=(
        'get_url_decoded("https%3A%2F%2Fexample.com%2Fpartneralliance_asia-pacific_2022")',
        "https://example.com/partneralliance_asia-pacific_2022",
    ),
)
def get_url_decoded(url: str) -> str:
    """Decode percent-encoded characters."""
    return unquote(url, errors="replace")
