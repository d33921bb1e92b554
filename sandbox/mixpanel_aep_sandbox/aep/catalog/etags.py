"""Versions of Catalog's objects in headers: ETag, If-Match, If-None-Match (EP:catalog/api/appendix.md)."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call


def one(call: Call, key: str, body: dict[str, Any], shown: dict[str, Any]) -> Response:
    """The answer that holds a single object: with its version, and empty where the caller knows that one already.

    The guide writes ``E-Tag``, which is no header of HTTP: it is sent beside ``ETag``.
    """
    tag = f'"{version_of(body)}"'
    headers = {"ETag": tag, "E-Tag": tag}
    if _names(call, "if-none-match", body):
        return Response(status_code=304, headers=headers)  # [I] as HTTP has it; documented for changes only
    return JSONResponse({key: shown}, headers=headers)


def check_match(call: Call, body: dict[str, Any]) -> None:
    """Raises Problem 412 where the object is not the one that the caller means to change."""
    wanted = call.request.headers.get("if-match")
    if (wanted is not None and not _names(call, "if-match", body)) or _names(call, "if-none-match", body):
        raise problem(412, "The object was changed in the meantime.")


def next_version(body: dict[str, Any]) -> str:
    return f"1.0.{int(str(body['version']).rpartition('.')[2]) + 1}"


def version_of(body: dict[str, Any]) -> str:
    """A dataset's version is a text; a batch keeps only its last part."""
    version = body["version"]
    return f"1.0.{version}" if isinstance(version, int) else str(version)


def _names(call: Call, header: str, body: dict[str, Any]) -> bool:
    """Whether a header names the object's version, or "the updated date" (OAS:catalog.yaml)."""
    given = [
        part.strip().removeprefix("W/").strip('"') for part in call.request.headers.get(header, "").split(",")
    ]
    return bool({"*", version_of(body), str(body["updated"])} & set(given))
