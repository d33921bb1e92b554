"""Search for and validation of the mapping set that a dataflow's ``Mapping`` transformation names."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.aep.dataprep.routes.mapping_sets import find_mapping_set
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError, invalid
from mixpanel_aep_sandbox.core.json_types import JsonObject

_MAX_VERSION_DIGITS = 9


def find_mapping(scope: AepSandboxScope, params: JsonObject) -> JsonObject | None:
    """Return the mapping set that a ``Mapping`` transformation names, in the version that it names.

    The version is a text in some samples and a number in others.

    Args:
        scope: The AEP sandbox.
        params: The ``params`` of the transformation.

    Returns:
        The mapping set, or None if it does not exist.

    Raises:
        FlowServiceError: the id or the version is invalid.
    """
    key, version = params.get("mappingId"), params.get("mappingVersion", 0)
    if not isinstance(key, str):
        raise invalid("mappingId must be a text")
    text = str(version) if isinstance(version, int | str) and not isinstance(version, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_VERSION_DIGITS):
        raise FlowServiceError("1412-400")
    return find_mapping_set(scope, key, int(text))


def check_mapping(scope: AepSandboxScope, params: JsonObject, dataset_id: str | None) -> None:
    """Check that the mapping set of a dataflow exists, and is for the schema of the target dataset.

    Args:
        scope: The AEP sandbox.
        params: The ``params`` of the ``Mapping`` transformation.
        dataset_id: The id of the target dataset; None if it is not known yet.

    Raises:
        FlowServiceError: it does not exist, or is for another schema.
    """
    mapping = find_mapping(scope, params)
    if mapping is None:
        exists = find_mapping_set(scope, params["mappingId"]) is not None
        values = {"id": params["mappingId"], "version": params.get("mappingVersion", 0)}
        raise FlowServiceError("1412-400") if exists else FlowServiceError("1419-400", **values)
    dataset = scope.get(DATASETS, dataset_id) if dataset_id else None
    if dataset and dataset["schemaRef"]["id"] != mapping["xdmSchema"]:
        raise FlowServiceError("1425-400", dataset=dataset_id, mapping=mapping["id"])
