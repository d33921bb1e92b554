"""Functions of URLs. What is no URL has no parts: they are null."""

from __future__ import annotations

from urllib.parse import SplitResult, quote, unquote, urlsplit

from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Parameter, function
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_URL = "URL"
_PARAMETER = Parameter("URL", "string", "The URL.")
_HOME = "https://platform.adobe.com/home"
_FILE = "sftp://example.com//home/joe/employee.csv"
_NOSE = "foo://example.com:8042/over/there?name=ferret#nose"
_PORTS = {"http": 80, "https": 443, "ftp": 21, "ftps": 990, "sftp": 22, "ssh": 22, "ws": 80, "wss": 443}


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url.strip())
        _ = parts.port  # raises when it is no number
    except ValueError:
        return None
    return parts if parts.scheme and parts.hostname else None


@function(
    _URL,
    "The protocol of a URL.",
    _PARAMETER,
    returns="string",
    example=(f'get_url_protocol("{_HOME}")', "https"),
)
def get_url_protocol(url: str) -> str | None:
    parts = _parts(url)
    return parts.scheme if parts else None


@function(
    _URL,
    "The host of a URL.",
    _PARAMETER,
    returns="string",
    example=(f'get_url_host("{_HOME}")', "platform.adobe.com"),
)
def get_url_host(url: str) -> str | None:
    """As it is written; ``urlsplit`` would make it lower case."""
    parts = _parts(url)
    if parts is None:
        return None
    host = parts.netloc.rpartition("@")[2]
    return host[: host.index("]") + 1] if host.startswith("[") else host.partition(":")[0]


@function(
    _URL,
    "The port of a URL: the protocol's own one where none is written.",
    _PARAMETER,
    returns="integer",
    example=(f'get_url_port("{_FILE}")', "22"),
)
def get_url_port(url: str) -> int | None:
    parts = _parts(url)
    if parts is None:
        return None
    return _PORTS.get(parts.scheme) if parts.port is None else parts.port


@function(
    _URL,
    "The path of a URL.",
    _PARAMETER,
    Parameter("FULL_PATH", "boolean", "False: only what follows the last slash.", required=False),
    returns="string",
    example=(f'get_url_path("{_FILE}")', '"//home/joe/employee.csv"'),
)
def get_url_path(url: str, full: bool = True) -> str | None:
    parts = _parts(url)
    if parts is None:
        return None
    return parts.path if full else parts.path.rpartition("/")[2]


@function(
    _URL,
    "The query of a URL as a map, of values as they are written.",
    _PARAMETER,
    Parameter("ANCHOR", "string", "What becomes of the anchor: retain, remove or append."),
    returns="map",
    example=(f'get_url_query_str("{_NOSE}", "retain")', '{"name": "ferret#nose"}'),
)
def get_url_query_str(url: str, anchor: str) -> dict[str, str] | None:
    if anchor not in ("retain", "remove", "append"):
        raise EvaluationError("get_url_query_str(): ANCHOR is retain, remove or append.")
    parts = _parts(url)
    if parts is None:
        return None
    query = parts.query + (f"#{parts.fragment}" if anchor == "retain" and parts.fragment else "")
    found = {name: value for name, _, value in (pair.partition("=") for pair in query.split("&")) if name}
    if anchor == "append" and parts.fragment:
        found["_anchor_"] = parts.fragment
    return found


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
    """A space is %20 and ~ is %7E: "Special characters" in the appendix of EP:data-prep/functions.md."""
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
    return unquote(url, errors="replace")
