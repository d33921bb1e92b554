"""Catalog: changes of a dataset (EP:catalog/api/update-object.md, EP:catalog/api/replace-object.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.catalog.etags import check_match, next_version
from mixpanel_aep_sandbox.aep.catalog.validation import READ_ONLY, check_dataset, schema_ref, without_computed
from mixpanel_aep_sandbox.aep.core.constants import DEMO_USER
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.json_patch import deep_merge, json_patch
from mixpanel_aep_sandbox.aep.core.scope import DATASETS
from mixpanel_aep_sandbox.aep.query_service.table_names import TABLE_TAG

_KEPT = (*READ_ONLY, "schemaRef", "namespace", "updatedUser", "dataSourceId")
"""What a dataset keeps when it is replaced: the guide's own sample names no schema."""
Change = Callable[[dict[str, Any]], dict[str, Any]]


def patch_dataset(call: Call) -> Response:
    """The given fields over the dataset's, or JSON Patch."""
    if call.content_type == "application/json-patch+json" or isinstance(call.body, list):
        return _save(call, lambda before: json_patch(before, call.body))
    given = call.object()
    return _save(call, lambda before: merge_fields(before, given))


def patch_deeply(call: Call) -> Response:
    """``/v2``: objects are merged all the way down, and null removes (EP:catalog/datasets, TTL guide)."""
    given = call.object()
    return _save(call, lambda before: deep_merge(before, given))


def put_dataset(call: Call) -> Response:
    """ "The entire resource is replaced with the request payload"; what Catalog itself writes stays."""
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


def _replaced_tags(before: dict[str, Any], given: Any) -> Any:
    """The name of the table is Catalog's own tag, and stays."""
    own = {name: values for name, values in before.get("tags", {}).items() if name == TABLE_TAG}
    return {**own, **given} if isinstance(given, dict) else (own if given is None else given)


def merge_fields(before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Tags are merged by their names, everything else is replaced [I: as the guide's sample adds one tag]."""
    merged = {**before, **given}
    if isinstance(given.get("tags"), dict):
        merged["tags"] = {**before.get("tags", {}), **given["tags"]}
    return merged


def validate_only(call: Call) -> bool:
    """``Pragma: validate-only``: nothing is kept (EP:catalog/api/appendix.md)."""
    return call.request.headers.get("pragma", "").strip().lower() == "validate-only"


def _save(call: Call, change: Change) -> Response:
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
