"""The Accept headers of the Schema Registry (EP:xdm/api/schemas.md, EP:xdm/api/descriptors.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from include.sandbox.aep.problems import problem

_MEDIA = re.compile(r"application/vnd\.adobe\.(xed|xdm)((?:-[a-z0-9]+)*)\+json")
_LOOKUP = {"", "-notext", "-full", "-full-notext", "-full-desc", "-deprecatefield"}
_LIST = {"", "-id"}
_DESCRIPTORS = {"", "-id", "-link", "-v2", "-v2-id", "-v2-link"}


@dataclass(frozen=True)
class View:
    """How a resource is wanted."""

    resolved: bool = False
    text: bool = True
    descriptors: bool = False
    summary: bool = False
    standard: bool = False
    """Standard XDM notation (``xdm:`` names) rather than compatibility mode."""


def lookup(accept: str | None, resource: str) -> View:
    """The view of one resource. Raises Problem: 406 without a known media type, 400 without a version."""
    notation, flavour, version = _parse(accept, _LOOKUP)
    if version is None:
        raise problem(
            400,
            "version must be supplied in the accept header, for example application/vnd.adobe.xed+json;version=1",
        )
    if version.split(".")[0] != "1":
        # Only major version 1 exists.
        raise problem(404, f"Object {resource} with version {version} not found")
    return View(
        resolved="-full" in flavour or flavour == "-deprecatefield",
        text="-notext" not in flavour,
        descriptors="-desc" in flavour,
        standard=notation == "xdm",
    )


def listing(accept: str | None) -> View:
    notation, flavour, _ = _parse(accept, _LIST)
    return View(summary=flavour == "-id", standard=notation == "xdm")


def descriptors(accept: str | None) -> tuple[str, bool]:
    """``id``, ``link`` or ``full``, and whether the answer is paged (v2)."""
    notation, flavour, _ = _parse(accept, _DESCRIPTORS)
    if notation != "xdm":
        # "Descriptors require unique Accept headers that replace xed with xdm."
        raise problem(406, f"Unknown Accept media supplied: {accept}")
    shape = "id" if flavour.endswith("-id") else "link" if flavour.endswith("-link") else "full"
    return shape, "-v2" in flavour


def _parse(accept: str | None, known: set[str]) -> tuple[str, str, str | None]:
    if not accept:
        raise problem(406, "Accept header parameter is required")
    media, *parameters = (part.strip() for part in accept.split(";"))
    match = _MEDIA.fullmatch(media.lower())
    if match is None or match.group(2) not in known:
        raise problem(406, f"Unknown Accept media supplied: {accept}")
    version = None
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "version":
            version = value.strip().strip('"')
    return match.group(1), match.group(2), version
