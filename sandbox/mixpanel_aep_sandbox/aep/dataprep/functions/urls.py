"""Data Prep functions of URLs (EP:data-prep/functions.md#url), by the grammar of RFC 3986 [I].

The result of the functions that read a component of a URL is null if the URL is invalid.
"""

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
    """Split an absolute URL with a host into its components; None if it is invalid or has control characters."""
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
    """Return the protocol (scheme) of a URL in lower case; null for an invalid URL."""
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
    """Return the host of a URL as written, an IPv6 address with its brackets; null for an invalid URL."""
    url = _parse(text)
    return None if url is None else url.host


@function(
    _URL,
    "The port of a URL, by default the standard port of the protocol.",
    _PARAMETER,
    returns="integer",
    example=(f'get_url_port("{_FILE}")', "22"),
)
def get_url_port(text: str) -> int | None:
    """Return the port of a URL, by default the standard port of its protocol; null if neither exists."""
    url = _parse(text)
    return None if url is None else url.port


@function(
    _URL,
    "The path of a URL.",
    _PARAMETER,
    Parameter("FULL_PATH", "boolean", "False: only the part after the last slash.", required=False),
    returns="string",
    example=(f'get_url_path("{_FILE}")', '"//home/joe/employee.csv"'),
)
def get_url_path(text: str, full: bool = True) -> str | None:
    """Return the path of a URL, or the part after its last slash if ``full`` is false; null for an invalid URL."""
    url = _parse(text)
    if url is None:
        return None
    return url.path if full else url.path[url.path.rfind("/") + 1 :]


@function(
    _URL,
    "The query of a URL as a map; values are not decoded.",
    _PARAMETER,
    Parameter("ANCHOR", "string", "Handling of the anchor: retain, remove or append."),
    returns="map",
    example=(f'get_url_query_str("{_NOSE}", "retain")', '{"name": "ferret#nose"}'),
)
def get_url_query_str(text: str, anchor: str) -> dict[str, str] | None:
    """Return the query of a URL as a map of undecoded values; null for an invalid URL.

    ``anchor`` is the handling of the URL's fragment: ``retain`` leaves it in the last value, ``remove`` drops it, and
    ``append`` adds it under the key ``_anchor_``. Raises EvaluationError for any other ``anchor``.
    """
    if anchor not in ("retain", "remove", "append"):
        raise EvaluationError("get_url_query_str(): ANCHOR must be retain, remove or append.")
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
    "The text with its special characters percent-encoded.",
    _PARAMETER,
    returns="string",
    example=(
        'get_url_encoded("https://example.com/partneralliance_asia-pacific_2022")',
        "https%3A%2F%2Fexample.com%2Fpartneralliance_asia-pacific_2022",
    ),
)
def get_url_encoded(url: str) -> str:
    """Percent-encode the special characters of a text: a space becomes %20, and ~ becomes %7E.

    Source: "Special characters" in the appendix of EP:data-prep/functions.md.
    """
    return quote(url, safe="", errors="replace").replace("~", "%7E")


@function(
    _URL,
    "The text with its percent-encoded characters decoded.",
    _PARAMETER,
    returns="string",
    example=(
        'get_url_decoded("https%3A%2F%2Fexample.com%2Fpartneralliance_asia-pacific_2022")',
        "https://example.com/partneralliance_asia-pacific_2022",
    ),
)
def get_url_decoded(url: str) -> str:
    """Decode the percent-encoded characters of a text; bytes that are not UTF-8 become replacement characters."""
    return unquote(url, errors="replace")
