"""Versions of Catalog's objects in headers: ETag, If-Match, If-None-Match (EP:catalog/api/appendix.md)."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.core.json_types import JsonObject


def single_object_response(call: Call, key: str, body: JsonObject, shown: JsonObject) -> Response:
    """Return the response with a single object and its version, or an empty response (304) if the client has this version.

    The guide writes ``E-Tag``, which is not an HTTP header: it is sent in addition to ``ETag``.
    """
    tag = f'"{version_of(body)}"'
    headers = {"ETag": tag, "E-Tag": tag}
    if _names_version(call, "if-none-match", body):
        return Response(status_code=304, headers=headers)  # [I] as in HTTP; documented for changes only
    return JSONResponse({key: shown}, headers=headers)


def check_match(call: Call, body: JsonObject) -> None:
    """Raise Problem 412 if the object is not in the version that the client wants to change."""
    expected = call.request.headers.get("if-match")
    if (expected is not None and not _names_version(call, "if-match", body)) or _names_version(
        call, "if-none-match", body
    ):
        raise problem(412, "The object was changed in the meantime.")


def next_version(body: JsonObject) -> str:
    """Return the version after the next change."""
    return f"1.0.{int(str(body['version']).rpartition('.')[2]) + 1}"


def version_of(body: JsonObject) -> str:
    """Return the version of a dataset or batch, such as ``1.0.3``; a batch stores only the last number."""
    version = body["version"]
    return f"1.0.{version}" if isinstance(version, int) else str(version)


def _names_version(call: Call, header: str, body: JsonObject) -> bool:
    """Return whether ``If-Match`` or ``If-None-Match`` contains the object's version or its "updated date" (OAS:catalog.yaml)."""
    given = [
        part.strip().removeprefix("W/").strip('"') for part in call.request.headers.get(header, "").split(",")
    ]
    return bool({"*", version_of(body), str(body["updated"])} & set(given))
