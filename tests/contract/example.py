"""A documented request and response as data, and the comparison of a response with it.

Text in ``<angle brackets>`` is the name of something that the preparation created: an id, a dataset, a batch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import requests

if TYPE_CHECKING:
    from tests.contract.documented_client import DocumentedClient

Preparation = Callable[["DocumentedClient"], None]


@dataclass(frozen=True)
class Call:
    """The request. A header that is None is omitted; ``query`` is encoded as a form."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    data: bytes | Mapping[str, str] | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Example:
    """``id`` begins with the document and section that the pair is from: ``mixpanel 1.4 ...``."""

    id: str
    call: Call
    status: int
    body: Any = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    given: tuple[Preparation, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def section(self) -> str:
        return " ".join(self.id.split()[:2])


@dataclass(frozen=True)
class Has:
    """An object with at least these members, or (of a list) with these ones among its own."""

    wanted: Any


@dataclass(frozen=True)
class Text:
    """A text that contains a match of the pattern."""

    pattern: str


@dataclass(frozen=True)
class Lines:
    """JSON Lines: the objects, or what they all have to match."""

    wanted: Any


@dataclass(frozen=True)
class Each:
    """A non-empty list (or an object's values), all of whose items match."""

    wanted: Any


@dataclass(frozen=True)
class Is:
    """Anything that the function accepts."""

    true_of: Callable[[Any], bool]


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """Return the value with every ``<name>`` replaced, at any depth."""
    match value:
        case str():
            return re.sub(r"<(\w+)>", lambda found: names.get(found[1], found[0]), value)
        case dict():
            return {filled(key, names): filled(each, names) for key, each in value.items()}
        case list():
            return [filled(each, names) for each in value]
        case Has() | Each() | Lines():
            return type(value)(filled(value.wanted, names))
        case Text():
            return Text(filled(value.pattern, names))
        case _:
            return value


def url_of(call: Call, names: Mapping[str, str]) -> str:
    """Return path and query; a name in the path is percent-encoded, as the documents do with ``$id``."""
    path: str = filled(call.path, {name: quote(value, safe="") for name, value in names.items()})
    return path + ("?" + urlencode(filled(dict(call.query), names)) if call.query else "")


def differences(wanted: Any, found: Any, at: str = "body") -> list[str]:
    """Return the differences between the response and the expected value, a sentence each."""
    match wanted:
        case None:
            return []
        case Is(true_of):
            good = true_of(found)
        case type():
            good = isinstance(found, wanted) and not (wanted is int and isinstance(found, bool))
        case Text(pattern):
            good = isinstance(found, str) and re.search(pattern, found) is not None
        case Each(inner):
            many = list(found.values()) if isinstance(found, dict) else found
            if not (isinstance(many, list) and many):
                return [f"{at}: {found!r:.200} has nothing in it"]
            return [line for n, one in enumerate(many) for line in differences(inner, one, f"{at}[{n}]")]
        case Has(dict(members)) if isinstance(found, dict):
            return _members(members, found, at)
        case Has(list(members)) if isinstance(found, list):
            good = all(any(not differences(one, other) for other in found) for one in members)
        case dict(members) if isinstance(found, dict) and members.keys() == found.keys():
            return _members(members, found, at)
        case list(members) if isinstance(found, list) and len(members) == len(found):
            pairs = enumerate(zip(members, found, strict=True))
            return [line for n, (one, other) in pairs for line in differences(one, other, f"{at}[{n}]")]
        case _:
            good = type(wanted) is type(found) and wanted == found
    return [] if good else [f"{at}: {found!r:.600} is not {wanted!r:.300}"]


def _members(wanted: Mapping[str, Any], found: Mapping[str, Any], at: str) -> list[str]:
    missing = [f"{at}: {name} is missing of {sorted(found)}" for name in wanted if name not in found]
    there = [name for name in wanted if name in found]
    return missing + [
        line for name in there for line in differences(wanted[name], found[name], f"{at}.{name}")
    ]


def answer_differences(pair: Example, answer: requests.Response, names: Mapping[str, str]) -> list[str]:
    """Compare status, headers and body with the pair."""
    found = []
    if answer.status_code != pair.status:
        found.append(f"status: {answer.status_code} is not {pair.status}: {answer.text:.400}")
    for name, value in filled(dict(pair.headers), names).items():
        found += differences(value, answer.headers.get(name), name)
    wanted = filled(pair.body.wanted if isinstance(pair.body, Lines) else pair.body, names)
    return found or differences(wanted, _body(pair.body, answer))


def _body(wanted: Any, answer: requests.Response) -> Any:
    match wanted:
        case bytes():
            return answer.content
        case None:
            return None
        case Text() | str():
            # Not answer.text: requests decodes text without a charset as ISO-8859-1.
            return answer.content.decode()
        case Lines():
            return [json.loads(line) for line in answer.content.split(b"\n") if line]
        case _:
            return answer.json()
