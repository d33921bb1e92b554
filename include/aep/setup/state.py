"""Reads everything in AEP on which the plan of setup depends, before the first decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from include.aep.client import AepClient
from include.aep.identity_service import Namespace
from include.aep.model import Dataset
from include.aep.profile import identity_descriptors, primary_descriptor
from include.aep.schema_registry import SchemaRegistry
from include.aep.setup.requirements import SetupRequirements
from include.errors import NotFound
from include.json_types import JsonMapping
from include.xdm.schema.xdm_schema import EXPERIENCE_EVENT

IDENTITY_MAP = "https://ns.adobe.com/xdm/context/identitymap"


@dataclass(frozen=True)
class AepState:
    """What AEP contained of a pipeline's objects when setup read it.

    Attributes:
        tenant: the tenant id of the organization, without an underscore.
        namespaces: all identity namespaces, by code.
        schema: the schema in ``aep.schema``, with unresolved references; None if it does not exist.
        descriptors: the descriptors of the schema.
        group: the pipeline's own field group, with unresolved references; None if it does not exist.
        field_group_ids: the ``$id``s that AEP has for each entry of ``aep.field_groups``; several if a title is
            ambiguous.
        parts: by ``$id`` and with resolved references: the schema, and the classes and field groups that may be added.
        dataset: the dataset in ``aep.dataset``; None if it does not exist.
        titles: for each title of an object that setup would create, the kinds of existing objects with that title.
    """

    tenant: str
    namespaces: Mapping[str, Namespace]
    schema: JsonMapping | None = None
    descriptors: tuple[JsonMapping, ...] = ()
    group: JsonMapping | None = None
    field_group_ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parts: Mapping[str, JsonMapping] = field(default_factory=dict)
    dataset: Dataset | None = None
    titles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def references(self) -> tuple[str, ...]:
        """The ``$id``s of the class and the field groups of the schema; empty if the schema does not exist."""
        parts = (self.schema or {}).get("allOf") or ()
        return tuple(str(part["$ref"]) for part in parts if isinstance(part, Mapping) and "$ref" in part)

    @property
    def schema_class(self) -> str:
        """The ``$id`` of the schema's class; XDM ExperienceEvent if the schema does not exist."""
        return str((self.schema or {}).get("meta:class") or EXPERIENCE_EVENT)

    @property
    def is_enabled_for_profile(self) -> bool:
        """Whether the schema is enabled for Profile."""
        return "union" in ((self.schema or {}).get("meta:immutableTags") or ())

    @property
    def identities(self) -> tuple[JsonMapping, ...]:
        """The schema's identity descriptors."""
        return identity_descriptors(self.descriptors)

    @property
    def primary(self) -> JsonMapping | None:
        """The descriptor of the schema's primary identity; None if the schema has no primary identity."""
        return primary_descriptor(self.descriptors)


def read_state(aep: AepClient, requirements: SetupRequirements) -> AepState:
    """Read the objects in AEP on which the plan for a pipeline depends, without any change in AEP.

    Raises:
        SchemaError: no schema has the ``$id`` in the pipeline file.
        DatasetMissing: several datasets have the name.
    """
    registry, target = aep.registry, requirements.pipeline.aep
    dataset = aep.catalog.find_dataset(target.dataset)
    schema = registry.find_schema(target.schema_name)
    title = requirements.group_title
    group = registry.find_by_title("fieldgroups", title) if title is not None else None
    field_group_ids = _field_group_ids(registry, target.field_groups)
    new_titles = [target.schema_name] if schema is None else []
    if title is not None and group is None:
        new_titles.append(title)
    state = AepState(
        tenant=registry.tenant_id(),
        namespaces={found.code: found for found in aep.identity.namespaces()},
        schema=schema,
        descriptors=tuple(registry.descriptors(str(schema["$id"]))) if schema else (),
        group=group,
        field_group_ids=field_group_ids,
        dataset=dataset,
        titles={name: tuple(registry.kinds_with_title(name)) for name in new_titles},
    )
    return replace(state, parts=_parts(registry, state))


def _field_group_ids(registry: SchemaRegistry, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the ``$id``s that AEP has for each of ``names``, which are titles or ``$id``s of field groups.

    AEP's titles are only listed if one of the names is a title, and once for all names.
    """
    found: dict[str, tuple[str, ...]] = {}
    lists: list[dict[str, list[str]]] = []
    for name in names:
        if name.startswith("https://"):
            found[name] = (name,)
            continue
        if not lists:
            lists = [registry.titles("fieldgroups", container) for container in ("tenant", "global")]
        found[name] = tuple(each for titles in lists for each in titles.get(name, ()))
    return found


def _parts(registry: SchemaRegistry, state: AepState) -> dict[str, JsonMapping]:
    """Return the schema, and the classes and field groups that may be added to it, by ``$id``.

    Their references are resolved. An ``$id`` that AEP does not have is left out.
    """
    if state.schema is not None:
        requirements = [("schemas", str(state.schema["$id"]))]
    else:
        requirements = [("classes", EXPERIENCE_EVENT), ("fieldgroups", IDENTITY_MAP)]
    # Field groups with the same title are all read: their classes decide which one is meant.
    added = [each for found in state.field_group_ids.values() for each in found]
    if state.group is not None:
        added.append(str(state.group["$id"]))
    requirements += [("fieldgroups", each) for each in added if each not in state.references]
    found: dict[str, JsonMapping] = {}
    for kind, resource_id in requirements:
        try:
            found[resource_id] = registry.resolved(kind, resource_id)
        except NotFound:  # the plan reports the name of a missing field group
            continue
    return found
