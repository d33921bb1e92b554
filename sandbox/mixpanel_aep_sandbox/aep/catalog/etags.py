"""Versions of Catalog objects in the headers ETag, If-Match and If-None-Match (EP:catalog/api/appendix.md)."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.core.json_types import JsonObject


def single_object_response(call: Call, key: str, body: JsonObject, shown: JsonObject) -> Response:
    """Return the response to a lookup of one object, with its version in the header ETag.

    If the client already has this version, the response is empty, with status 304. The guide writes ``E-Tag``, which is
    not an HTTP header; the response has both ``E-Tag`` and ``ETag``.

    Args:
        call: The request.
        key: The id of the object.
        body: The stored object, with its version.
        shown: The representation to return, as ``{key: shown}``.
    """
    tag = f'"{version_of(body)}"'
    headers = {"ETag": tag, "E-Tag": tag}
    if _names_version(call, "if-none-match", body):
        return Response(
            status_code=304, headers=headers
        )  # [I] as in HTTP; Adobe documents the header only for changes
    return JSONResponse({key: shown}, headers=headers)


def check_match(call: Call, body: JsonObject) -> None:
    """Check that the headers ``If-Match`` and ``If-None-Match`` allow to change an object in its current version.

    Raises:
        Problem: 412 if they do not.
    """
    expected = call.request.headers.get("if-match")
    if (expected is not None and not _names_version(call, "if-match", body)) or _names_version(
        call, "if-none-match", body
    ):
        raise problem(412, "The object has another version than the request expects; read it again.")


def next_version(body: JsonObject) -> str:
    """Return the version of a dataset after its next change, such as ``1.0.4`` after ``1.0.3``."""
    return f"1.0.{int(str(body['version']).rpartition('.')[2]) + 1}"


def version_of(body: JsonObject) -> str:
    """Return the version of a dataset or batch, such as ``1.0.3``; a batch's document has only the last number."""
    version = body["version"]
    return f"1.0.{version}" if isinstance(version, int) else str(version)


def _names_version(call: Call, header: str, body: JsonObject) -> bool:
    """Return whether a header contains ``*``, the object's version, or its "updated date" (OAS:catalog.yaml)."""
    given = [
        part.strip().removeprefix("W/").strip('"') for part in call.request.headers.get(header, "").split(",")
    ]
    return bool({"*", version_of(body), str(body["updated"])} & set(given))
