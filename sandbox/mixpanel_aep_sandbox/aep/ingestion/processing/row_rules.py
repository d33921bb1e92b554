"""The rules for the rows of a dataset: its schema and, if the dataset is enabled for Profile, a primary identity.

If a field is the primary identity, the field and every object above it are required (EP:xdm/ui/fields/identity.md).
Otherwise, the primary identity of a row is in its ``identityMap`` (EP:xdm/schema/composition.md).
"""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.catalog.validation import profile_enabled
from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.files import resolved_schema
from mixpanel_aep_sandbox.aep.ingestion.row_validation.rules import RowRules
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.aep.registry.validation.profile import primary_identity
from mixpanel_aep_sandbox.core.json_types import JsonObject


def row_rules(scope: AepSandboxScope, dataset: str) -> RowRules:
    """Return the rules that new rows of a dataset must satisfy.

    Args:
        scope: The AEP sandbox.
        dataset: The id of the dataset.
    """
    schema = resolved_schema(scope, dataset)
    body = scope.get(DATASETS, dataset)
    optional = IngestSettings.of(scope.state).primary_identity == "optional"
    if body is None or optional or not profile_enabled(body):
        return RowRules(schema)
    primary = primary_identity(scope, body["schemaRef"]["id"])
    if primary is None:
        return RowRules(schema, primary_in_map=True)
    _require(schema, primary["xdm:sourceProperty"])
    return RowRules(schema)


def _require(schema: JsonObject, path: str) -> None:
    """Change ``schema`` so that the field at ``path``, such as ``/_acme/id``, and all objects above it are required."""
    field = schema
    for part in path[1:].split("/"):
        fields = field.get("properties", {})
        name = part if part in fields else part.removeprefix("xdm:")
        if name not in fields:
            return
        field["required"] = list(dict.fromkeys([*field.get("required", []), name]))
        field = fields[name]
