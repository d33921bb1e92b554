"""The Accept headers of the Schema Registry (EP:xdm/api/schemas.md, EP:xdm/api/descriptors.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mixpanel_aep_sandbox.aep.core.errors import Problem, problem

_MEDIA = re.compile(r"application/vnd\.adobe\.(xed|xdm)((?:-[a-z0-9]+)*)\+json")
_LOOKUP = {"", "-notext", "-desc", "-full", "-full-notext", "-full-desc", "-deprecatefield"}
"""``-desc`` alone is not documented, but clients send it [I]."""
_LIST = {"", "-id"}
_DESCRIPTORS = {"", "-id", "-link", "-v2", "-v2-id", "-v2-link"}


@dataclass(frozen=True)
class View:
    """The representation of a resource that an Accept header requests."""

    resolved: bool = False
    text: bool = True
    descriptors: bool = False
    deprecated: bool = False
    """Show which fields a descriptor deprecates."""
    summary: bool = False
    standard: bool = False
    """Standard XDM notation (``xdm:`` names) rather than compatibility mode."""


def lookup(accept: str | None, resource: str) -> View:
    """Return the view of one resource. Raises Problem: 406 without a known media type, 400 without a version."""
    notation, flavour, version = _parse(accept, _LOOKUP)
    if version is None:
        raise problem(
            400,
            "version must be supplied in the accept header. Example:"
            " application/vnd.adobe.xed-full-notext+json; version=1",
        )
    if version.split(".")[0] != "1":
        # Only major version 1 exists.
        raise problem(404, f"Object {resource} with version {version} not found")
    return View(
        resolved="-full" in flavour or flavour == "-deprecatefield",
        text="-notext" not in flavour,
        descriptors="-desc" in flavour,
        deprecated=flavour == "-deprecatefield",
        standard=notation == "xdm",
    )


def listing(accept: str | None) -> View:
    """Return the view of a list."""
    notation, flavour, _ = _parse(accept, _LIST)
    return View(summary=flavour == "-id", standard=notation == "xdm")


def descriptors(accept: str | None) -> tuple[str, bool]:
    """Return ``id``, ``link`` or ``full``, and whether the response is paged (v2)."""
    notation, flavour, _ = _parse(accept, _DESCRIPTORS)
    if notation != "xdm":
        # "Descriptors require unique Accept headers that replace xed with xdm."
        raise problem(406, f"Unknown Accept media supplied: {accept}")
    shape = "id" if flavour.endswith("-id") else "link" if flavour.endswith("-link") else "full"
    return shape, "-v2" in flavour


def descriptor(accept: str | None) -> None:
    """Check the Accept header of one descriptor: it is optional, but another service's media types are refused."""
    if accept and "vnd.adobe" in accept.lower():
        try:
            descriptors(accept)
        except Problem as refusal:
            raise problem(406, "Unknown Accept format available ") from refusal


def sample(accept: str | None) -> bool:
    """Return whether the row is requested in standard notation, as in the documented example; ``xed`` media are not."""
    return not (accept or "").lower().strip().startswith("application/vnd.adobe.xed")


def _parse(accept: str | None, known: set[str]) -> tuple[str, str, str | None]:
    """Return notation, flavour and version of the first known media type."""
    if not accept:
        raise problem(406, "Accept header parameter is required")
    for each in accept.split(","):
        media, *parameters = (part.strip() for part in each.split(";"))
        match = _MEDIA.fullmatch(media.lower())
        if match is not None and match.group(2) in known:
            return match.group(1), match.group(2), _version(parameters)
    raise problem(406, f"Unknown Accept media supplied: {accept}")


def _version(parameters: list[str]) -> str | None:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "version":
            return value.strip().strip('"')
    return None
