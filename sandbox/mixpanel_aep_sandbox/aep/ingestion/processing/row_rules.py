"""Additional requirement for rows of a dataset that is enabled for Profile: a primary identity.

A field that is the primary identity is required, as is every object above it (EP:xdm/ui/fields/identity.md). A schema
without such a field has its primary identity in ``identityMap`` (EP:xdm/schema/composition.md).
"""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.catalog.validation import profile_enabled
from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.files import resolved_schema
from mixpanel_aep_sandbox.aep.ingestion.rows.rules import RowRules
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.aep.registry.validation.profile import primary_identity
from mixpanel_aep_sandbox.core.json_types import JsonObject


def row_rules(scope: AepSandboxScope, dataset: str) -> RowRules:
    """Return the rules for new rows of a dataset."""
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
    """Make the field at ``path`` and all objects above it required in ``schema``, which is changed in place."""
    field = schema
    for part in path[1:].split("/"):
        fields = field.get("properties", {})
        name = part if part in fields else part.removeprefix("xdm:")
        if name not in fields:
            return
        field["required"] = list(dict.fromkeys([*field.get("required", []), name]))
        field = fields[name]
