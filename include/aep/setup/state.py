"""AEP's state that setup depends on, read before any decision and any change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from include.aep.client import AepClient
from include.aep.identity_service import Namespace
from include.aep.model import Dataset
from include.aep.profile import identities_of, primary_of
from include.aep.schema_registry import SchemaRegistry
from include.aep.setup.requirements import SetupRequirements
from include.errors import NotFound
from include.json_types import JsonMapping
from include.xdm.schema.xdm_schema import EXPERIENCE_EVENT

IDENTITY_MAP = "https://ns.adobe.com/xdm/context/identitymap"


@dataclass(frozen=True)
class AepState:
    """AEP's state for one pipeline.

    ``schema`` and ``group`` (the pipeline's own field group) have unresolved references; None where missing.
    ``field_group_ids``: AEP's ``$id``s for each entry of ``aep.field_groups``. ``parts``: the schema and its present and future
    parts by ``$id``, with resolved references. ``titles``: the titles that the plan needs, each with the kinds of
    resources that already have it.
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
    def is_union(self) -> bool:
        """Whether the schema is enabled for Profile."""
        return "union" in ((self.schema or {}).get("meta:immutableTags") or ())

    @property
    def identities(self) -> tuple[JsonMapping, ...]:
        """The schema's identity descriptors."""
        return identities_of(self.descriptors)

    @property
    def primary(self) -> JsonMapping | None:
        """The descriptor of the schema's primary identity; None if the schema has no primary identity."""
        return primary_of(self.descriptors)


def read_state(aep: AepClient, requirements: SetupRequirements) -> AepState:
    """Read the state in AEP that the setup of a pipeline depends on, without any change in AEP.

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
    """Return AEP's ``$id``s of field groups by name, which is a title or an ``$id``.

    The titles are listed once for all names, and not at all if every name is an ``$id``.
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
    """Return the resolved schema and the parts that may be added to it; an unknown ``$id`` is omitted."""
    if state.schema is not None:
        requirements = [("schemas", str(state.schema["$id"]))]
    else:
        requirements = [("classes", EXPERIENCE_EVENT), ("fieldgroups", IDENTITY_MAP)]
    # Several field groups may have the same title; their classes distinguish them.
    added = [each for found in state.field_group_ids.values() for each in found]
    if state.group is not None:
        added.append(str(state.group["$id"]))
    requirements += [("fieldgroups", each) for each in added if each not in state.references]
    found: dict[str, JsonMapping] = {}
    for kind, resource_id in requirements:
        try:
            found[resource_id] = registry.resolved(kind, resource_id)
        except NotFound:  # the plan reports it by name
            continue
    return found
