"""Parsing of the Schema Registry's Accept headers (EP:xdm/api/schemas.md, EP:xdm/api/descriptors.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mixpanel_aep_sandbox.aep.core.errors import Problem, problem

_MEDIA = re.compile(r"application/vnd\.adobe\.(xed|xdm)((?:-[a-z0-9]+)*)\+json")
_LOOKUP = {"", "-notext", "-desc", "-full", "-full-notext", "-full-desc", "-deprecatefield"}
"""Suffixes of media types for one resource. Adobe does not document ``-desc`` alone, but clients send it [I]."""
_LIST = {"", "-id"}
_DESCRIPTORS = {"", "-id", "-link", "-v2", "-v2-id", "-v2-link"}


@dataclass(frozen=True)
class View:
    """The representation of a resource that an Accept header requests."""

    resolved: bool = False
    """Whether ``$ref`` and ``allOf`` are replaced by the fields of their targets."""
    text: bool = True
    """Whether titles and descriptions are included."""
    descriptors: bool = False
    """Whether the schema's descriptors are included."""
    deprecated: bool = False
    """Whether fields that a descriptor deprecates are marked."""
    summary: bool = False
    """Whether only ids, version and title are included."""
    standard: bool = False
    """Whether names are in standard XDM notation (``xdm:``), not in compatibility mode."""


def lookup_view(accept: str | None, resource: str) -> View:
    """Return the representation that the Accept header of a lookup requests.

    Args:
        accept: The value of the header; None if it is missing.
        resource: The id of the resource, for the error's text.

    Raises:
        Problem: 406 without a known media type, 400 without a version, 404 for a version other than 1.
    """
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


def list_view(accept: str | None) -> View:
    """Return the representation of each entry that the Accept header of a list requests.

    Raises:
        Problem: 406 without a known media type.
    """
    notation, flavour, _ = _parse(accept, _LIST)
    return View(summary=flavour == "-id", standard=notation == "xdm")


def descriptor_list_form(accept: str | None) -> tuple[str, bool]:
    """Return how the Accept header of a list of descriptors requests the list.

    Returns:
        The form of its entries (``id``, ``link`` or ``full``), and whether the list has pages (v2).

    Raises:
        Problem: 406 without a known media type.
    """
    notation, flavour, _ = _parse(accept, _DESCRIPTORS)
    if notation != "xdm":
        # Adobe: "Descriptors require unique Accept headers that replace xed with xdm."
        raise problem(406, f"Unknown Accept media supplied: {accept}")
    shape = "id" if flavour.endswith("-id") else "link" if flavour.endswith("-link") else "full"
    return shape, "-v2" in flavour


def check_descriptor_media_type(accept: str | None) -> None:
    """Raise Problem 406 if the optional Accept header of a descriptor lookup names another media type of Adobe."""
    if accept and "vnd.adobe" in accept.lower():
        try:
            descriptor_list_form(accept)
        except Problem as refusal:
            raise problem(406, "Unknown Accept format available ") from refusal


def wants_standard_notation(accept: str | None) -> bool:
    """Return whether a request for sample data requests standard XDM notation: it names no ``xed`` media type."""
    return not (accept or "").lower().strip().startswith("application/vnd.adobe.xed")


def _parse(accept: str | None, known: set[str]) -> tuple[str, str, str | None]:
    """Return notation (``xed`` or ``xdm``), suffix and version (or None) of the first known media type in a header.

    Args:
        accept: The value of the header; None if it is missing.
        known: The suffixes of the known media types, such as ``-full``.

    Raises:
        Problem: 406 if the header is missing or has no known media type.
    """
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
