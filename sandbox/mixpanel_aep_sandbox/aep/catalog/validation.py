"""Validation of datasets and of tags (OAS:catalog.yaml, EP:catalog/api/create-dataset.md)."""

from __future__ import annotations

import re

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.scope import RESOURCES, AepSandboxScope
from mixpanel_aep_sandbox.aep.hygiene.models import TAG
from mixpanel_aep_sandbox.core.json_types import JsonObject

READ_ONLY = (
    "viewId",
    "files",
    "created",
    "createdUser",
    "createdClient",
    "imsOrg",
    "sandboxId",
    "version",
    "updated",
    "basePath",
    "classification",
)
_COMPUTED = ("lastBatchId", "lastBatchStatus", "lastSuccessfulBatch", "lastFailedBatch")
_CONTENT_TYPE = re.compile(r"application/vnd\.adobe\.(xed|xdm)[a-z-]*\+json;\s*version=1(\.\d+)?")
_CONTENT_TYPE_OF_SCHEMA = "application/vnd.adobe.xed+json;version=1"
_KINDS: dict[str, type | tuple[type, ...]] = {
    "description": str,
    "enableErrorDiagnostics": bool,
    "observableSchema": dict,
    "fileDescription": dict,
    "extensions": dict,
    "dataSourceId": int,
}
_FORMATS = ("", "csv", "text", "parquet", "json", "sequencefile", "avro")
_CHARSETS = ("", "US-ASCII", "UTF-8", "ISO-8859-1")
_RESERVED_VALUE = re.compile(r"[A-Za-z]+: ?\S.*")
RESERVED_TAGS = ("unifiedProfile", "unifiedIdentity")
_TTL = re.compile(r"P(?=\d)(\d{1,4}Y)?(\d{1,4}M)?(\d{1,4}W)?(\d{1,5}D)?")


def check_dataset(scope: AepSandboxScope, body: JsonObject) -> None:
    """Check that a dataset is valid after the changes of a request.

    Args:
        scope: The AEP sandbox.
        body: The dataset with the changes.

    Raises:
        Problem: 400 if it is invalid.
    """
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise problem(400, "A dataset requires a name.")
    for field, kind in _KINDS.items():
        value = body.get(field)
        if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
            raise problem(400, f"{field} has the wrong type.")
    _check_files(body.get("fileDescription") or {})
    _check_expiration(body.get("extensions") or {})
    schema = _schema(scope, body)
    check_tags(body.get("tags", {}))
    if profile_enabled(body) and "union" not in schema.get("meta:immutableTags", []):
        raise problem(400, "To enable profile datasets the schema should be valid")


def schema_ref(given: JsonObject) -> object:
    """Return the ``schemaRef`` of a request body, or one derived from its ``schema``; None if the body has neither.

    The result is not validated. Adobe: it "will be derived from schema field, if it is not present" (OAS:catalog.yaml).
    """
    if "schemaRef" not in given and isinstance(given.get("schema"), str):
        return {"id": given["schema"], "contentType": _CONTENT_TYPE_OF_SCHEMA}
    return given.get("schemaRef")


def check_tags(tags: object) -> None:
    """Raise Problem 400 unless ``tags`` is an object of arrays of strings, and reserved tags have valid values."""
    if not isinstance(tags, dict) or not all(
        isinstance(values, list) and all(isinstance(value, str) for value in values)
        for values in tags.values()
    ):
        raise problem(400, "The values of tags must be arrays of strings.")
    for name in RESERVED_TAGS:
        if not all(_RESERVED_VALUE.fullmatch(value) for value in tags.get(name, [])):
            raise problem(
                400,
                f"The tag name {name} is reserved for Profile and Identity; its values have the form enabled:true.",
            )  # [I]


def without_computed(given: JsonObject) -> JsonObject:
    """Return a request body without the values that Catalog computes.

    So a client can send back what it has read.
    """
    kept = {name: value for name, value in given.items() if name not in _COMPUTED}
    if isinstance(kept.get("tags"), dict):
        kept["tags"] = {name: values for name, values in kept["tags"].items() if name != TAG}
    return kept


def profile_enabled(body: JsonObject) -> bool:
    """Return whether a dataset is enabled for Profile: its tag ``unifiedProfile`` has the value ``enabled:true``.

    Adobe's specification has a sample with a space after the colon, so spaces are ignored.
    """
    values = body.get("tags", {}).get("unifiedProfile", [])
    return "enabled:true" in [value.replace(" ", "") for value in values]


def _schema(scope: AepSandboxScope, body: JsonObject) -> JsonObject:
    """Return the document of the schema in ``schemaRef``. Raises Problem 400 if the reference is invalid."""
    ref = body.get("schemaRef")
    if not isinstance(ref, dict) or not all(isinstance(ref.get(key), str) for key in ("id", "contentType")):
        raise problem(400, "A dataset requires a schemaRef with id and contentType.")
    if not _CONTENT_TYPE.fullmatch(ref["contentType"]):
        raise problem(400, f"schemaRef.contentType must have the form {_CONTENT_TYPE_OF_SCHEMA}.")
    schema = scope.get(RESOURCES, ref["id"])
    if schema is None or schema["meta:resourceType"] != "schemas":
        raise problem(400, f"Schema {ref['id']} does not exist.")
    return schema


def _check_files(given: JsonObject) -> None:
    for name, known in (("format", _FORMATS), ("charset", _CHARSETS)):
        if given.get(name) is not None and given[name] not in known:
            raise problem(400, f"fileDescription.{name} must be one of {', '.join(filter(None, known))}.")
    for name in ("delimiters", "quotes", "escapes", "nullMarkers"):
        value = given.get(name, [])
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise problem(400, f"fileDescription.{name} must be an array of strings.")


def _check_expiration(extensions: JsonObject) -> None:
    """Raise Problem 400 unless ``rowExpiration.ttlValue`` is null or a period (EP:catalog/datasets, TTL guide).

    The sandbox stores and shows the value but deletes no rows [I], because Adobe states no time of the deletion.
    """
    for name, extension in extensions.items():
        expiration = extension.get("rowExpiration") if isinstance(extension, dict) else None
        value = expiration.get("ttlValue") if isinstance(expiration, dict) else None
        if value is not None and not (isinstance(value, str) and _TTL.fullmatch(value)):
            raise problem(400, f"extensions.{name}.rowExpiration.ttlValue must be a period such as P3M.")
