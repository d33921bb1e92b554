"""Changes of a dataset in Catalog (EP:catalog/api/update-object.md, EP:catalog/api/replace-object.md)."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.catalog.etags import check_match, next_version
from mixpanel_aep_sandbox.aep.catalog.validation import READ_ONLY, check_dataset, schema_ref, without_computed
from mixpanel_aep_sandbox.aep.core.constants import DEMO_USER
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.json_patch import deep_merge, json_patch
from mixpanel_aep_sandbox.aep.core.scope import DATASETS
from mixpanel_aep_sandbox.aep.query_service.table_names import TABLE_TAG
from mixpanel_aep_sandbox.core.json_types import JsonObject

_KEPT = (*READ_ONLY, "schemaRef", "namespace", "updatedUser", "dataSourceId")
"""Keys that a dataset retains when a client replaces it; the guide's sample of a replacement has no schema."""
Change = Callable[[JsonObject], JsonObject]


def patch_dataset(call: Call) -> Response:
    """Handle ``PATCH`` of a dataset: merge the fields of the body, or apply a JSON Patch."""
    if call.content_type == "application/json-patch+json" or isinstance(call.body, list):
        return _save(call, lambda before: json_patch(before, call.body))
    given = call.object()
    return _save(call, lambda before: merge_fields(before, given))


def patch_deeply(call: Call) -> Response:
    """Handle ``PATCH`` below ``/v2``: merge recursively, and remove values by null (EP:catalog/datasets, TTL guide)."""
    given = call.object()
    return _save(call, lambda before: deep_merge(before, given))


def put_dataset(call: Call) -> Response:
    """Handle ``PUT`` of a dataset: replace all keys except those that Catalog sets.

    Adobe: "The entire resource is replaced with the request payload".
    """
    given = call.object()
    derived = {"schemaRef": schema_ref(given)} if "schema" in given else {}
    return _save(
        call,
        lambda before: {
            "observableSchema": {},
            **{name: before[name] for name in _KEPT if name in before},
            **derived,
            **given,
            "tags": _replaced_tags(before, given.get("tags")),
        },
    )


def _replaced_tags(before: JsonObject, given: object) -> object:
    """Return the client's new tags together with the dataset's table name tag, which only Catalog sets."""
    own = {name: values for name, values in before.get("tags", {}).items() if name == TABLE_TAG}
    return {**own, **given} if isinstance(given, dict) else (own if given is None else given)


def merge_fields(before: JsonObject, given: JsonObject) -> JsonObject:
    """Replace the given fields of an object, but merge tags by name [I: the guide's sample adds one tag]."""
    merged = {**before, **given}
    if isinstance(given.get("tags"), dict):
        merged["tags"] = {**before.get("tags", {}), **given["tags"]}
    return merged


def validate_only(call: Call) -> bool:
    """Return whether the request must only be validated and not stored.

    Such a request has the header ``Pragma: validate-only`` (EP:catalog/api/appendix.md).
    """
    return call.request.headers.get("pragma", "").strip().lower() == "validate-only"


def _save(call: Call, change: Change) -> Response:
    """Apply a change to the dataset in the request's path, validate and store it. Raises Problem 400, 404 or 412."""
    key = call.path("id")
    before = call.scope.get(DATASETS, key)
    if before is None:
        raise problem(404, f"Dataset {key} not found.")
    check_match(call, before)
    body = without_computed(change(before))
    for name in READ_ONLY:
        if body.get(name) != before.get(name):
            raise problem(400, f"{name} is read-only.")
    check_dataset(call.scope, body)
    body["tags"] = _replaced_tags(before, body.get("tags"))
    if body["schemaRef"]["id"] != before["schemaRef"]["id"]:
        raise problem(400, "The schema of a dataset cannot be changed.")
    if not validate_only(call):
        body |= {"version": next_version(before), "updated": call.scope.now, "updatedUser": DEMO_USER}
        call.scope.put(DATASETS, key, body)
    return JSONResponse([f"@/dataSets/{key}"])
