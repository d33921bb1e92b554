"""The mapping set of a dataflow: it must exist, and match the dataset of the rows."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.aep.dataprep.routes.mapping_sets import find_mapping_set
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError, invalid
from mixpanel_aep_sandbox.core.json_types import JsonObject

_LONGEST = 9


def mapping_of(scope: AepSandboxScope, params: JsonObject) -> JsonObject | None:
    """Return the set that a ``Mapping`` transformation names, in its version; None if it was deleted.

    Raises FlowServiceError for an invalid id or version; the version is a text in some samples, a number in others.
    """
    key, version = params.get("mappingId"), params.get("mappingVersion", 0)
    if not isinstance(key, str):
        raise invalid("mappingId must be a text")
    text = str(version) if isinstance(version, int | str) and not isinstance(version, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST):
        raise FlowServiceError("1412-400")
    return find_mapping_set(scope, key, int(text))


def check_mapping(scope: AepSandboxScope, params: JsonObject, dataset_id: str | None) -> None:
    """Raise FlowServiceError unless the mapping set matches the dataset."""
    mapping = mapping_of(scope, params)
    if mapping is None:
        known = find_mapping_set(scope, params["mappingId"]) is not None
        facts = {"id": params["mappingId"], "version": params.get("mappingVersion", 0)}
        raise FlowServiceError("1412-400") if known else FlowServiceError("1419-400", **facts)
    dataset = scope.get(DATASETS, dataset_id) if dataset_id else None
    if dataset and dataset["schemaRef"]["id"] != mapping["xdmSchema"]:
        raise FlowServiceError("1425-400", dataset=dataset_id, mapping=mapping["id"])
