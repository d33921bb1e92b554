"""Decides whether setup enables the schema and the dataset for Profile, and where events have their primary identity.

Profile requires exactly one primary identity in each event. If the schema marks a field as the primary identity, every
event needs this field, and no entry of ``identityMap`` may be primary. Otherwise exactly one entry of ``identityMap``
is primary (experienceleague.adobe.com, ka-29740; EP:xdm/ui/fields/identity.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.aep.profile import PROFILE_TAGS, descriptor_namespace, descriptor_path, enabled_tags, is_enabled
from include.aep.setup.identities import pointer_of
from include.aep.setup.requirements import SetupRequirements
from include.aep.setup.state import AepState
from include.errors import ConfigError, SchemaError
from include.xdm.mapping.destinations import Names
from include.xdm.schema.xdm_schema import ProfileUse


@dataclass(frozen=True)
class ProfilePlan:
    """What setup changes for Profile, and what Profile requires after that.

    Attributes:
        use: where the events need their primary identity; None if the dataset will not be enabled for Profile.
        enable_schema: whether setup enables the schema.
        enable_dataset: whether setup enables the dataset.
        primary: the Mixpanel property whose field setup marks as the primary identity; None if it marks no such field.
        notes: sentences for the user.
    """

    use: ProfileUse | None
    enable_schema: bool
    enable_dataset: bool
    primary: str | None
    notes: tuple[str, ...]


def plan_profile(
    state: AepState, requirements: SetupRequirements, fields: Mapping[str, Names], *, has_map: bool
) -> ProfilePlan:
    """Return what setup changes for Profile, and what Profile requires of the events after that.

    ``fields``: the schema field of each Mixpanel property in ``identities``. ``has_map``: whether the schema has the
    field group IdentityMap after the plan.

    Raises:
        ConfigError: ``aep.profile`` contradicts the dataset's tags, or ``aep.primary_identity`` is not possible.
        SchemaError: events would not have exactly one primary identity.
    """
    target = requirements.pipeline.aep
    tags = state.dataset["tags"] if state.dataset is not None else {}
    enabled = is_enabled(tags)
    if target.profile is False and enabled:
        raise ConfigError(
            f"Dataset {target.dataset!r} is enabled for Profile (its tag unifiedProfile), but the pipeline file has "
            "profile: false.",
            "Remove aep.profile or set it to true, or set another dataset in aep.dataset. A user with the permission Manage "
            "Datasets can also disable the dataset for Profile in AEP.",
        )
    primary = _own_primary(state, requirements, fields)
    use = _use(state, requirements, fields, primary, has_map=has_map) if enabled or target.profile else None
    enable = target.profile is True
    return ProfilePlan(
        use=use,
        enable_schema=enable and not state.is_enabled_for_profile,
        enable_dataset=enable and bool(enabled_tags(tags)),
        primary=primary,
        notes=(*_primary_notes(state, requirements, fields), *_notes(state, requirements, use)),
    )


def _own_primary(state: AepState, requirements: SetupRequirements, fields: Mapping[str, Names]) -> str | None:
    """Return the Mixpanel property in ``aep.primary_identity``, if setup has to mark its field as the primary identity.

    None if the key is not set, or if the schema already has a primary identity, which cannot be changed.
    """
    name = requirements.pipeline.aep.primary_identity
    if name is None or state.primary is not None:
        return None
    if name not in fields:
        raise ConfigError(
            f"aep.primary_identity is {name}, but no mapping maps {name} to a separate field in schema "
            f"{requirements.pipeline.aep.schema_name!r}.",
            f"Map {name} to a string field of the schema, or remove aep.primary_identity: identityMap then contains the "
            "primary identity.",
        )
    marked = next((d for d in state.identities if descriptor_path(d) == fields[name]), None)
    if marked is not None:
        raise SchemaError(
            f"Field {pointer_of(fields[name])} of schema {requirements.pipeline.aep.schema_name!r} is already an identity "
            f"of namespace {descriptor_namespace(marked)}, but not the primary identity, as aep.primary_identity requires.",
            "Remove aep.primary_identity, or ask a user with the permission Manage Identity Metadata to make the field the "
            "primary identity in AEP's schema editor.",
        )
    if state.is_enabled_for_profile:
        raise SchemaError(
            f"Schema {requirements.pipeline.aep.schema_name!r} is enabled for Profile with the primary identity in "
            f"identityMap. With {pointer_of(fields[name])} as its primary identity, events of other datasets would have "
            "no primary identity.",
            "Remove aep.primary_identity, or give the pipeline its own schema.",
        )
    return name


def _use(
    state: AepState,
    requirements: SetupRequirements,
    fields: Mapping[str, Names],
    primary: str | None,
    *,
    has_map: bool,
) -> ProfileUse:
    if state.primary is not None:
        return ProfileUse(descriptor_path(state.primary), descriptor_namespace(state.primary))
    if primary is not None:
        return ProfileUse(fields[primary], requirements.pipeline.namespaces[primary])
    if has_map:
        return ProfileUse()
    schema = requirements.pipeline.aep.schema_name
    raise SchemaError(
        f"Profile needs a primary identity in every event, but schema {schema!r} has no primary identity field and no "
        "field group IdentityMap.",
        "Add IdentityMap to aep.field_groups, or set aep.primary_identity to an entry of identities that every event has "
        "and that is mapped to a string field.",
    )


def _primary_notes(
    state: AepState, requirements: SetupRequirements, fields: Mapping[str, Names]
) -> list[str]:
    name = requirements.pipeline.aep.primary_identity
    if name is None or state.primary is None or fields.get(name) == descriptor_path(state.primary):
        return []
    return [
        f"Schema {requirements.pipeline.aep.schema_name!r} keeps its primary identity {pointer_of(descriptor_path(state.primary))} "
        f"({descriptor_namespace(state.primary)}); {name} becomes an additional identity."
    ]


def _notes(state: AepState, requirements: SetupRequirements, use: ProfileUse | None) -> list[str]:
    target, tags = requirements.pipeline.aep, state.dataset["tags"] if state.dataset is not None else {}
    if use is not None and target.profile is None:
        notes = [
            f"Dataset {target.dataset!r} is enabled for Profile (its tag unifiedProfile): events are checked against "
            "Profile's requirements."
        ]
        if not is_enabled(tags, PROFILE_TAGS[1]):
            notes.append(
                f"Dataset {target.dataset!r} is not enabled for Identity Service (its tag unifiedIdentity), so its "
                "identities are not linked. With aep.profile: true, setup enables it."
            )
        return notes
    if use is not None and state.dataset is not None and enabled_tags(tags):
        return [f"Existing rows of dataset {target.dataset!r} do not reach Profile; later batches do."]
    if use is None and state.is_enabled_for_profile:
        return [
            f"Schema {target.schema_name!r} is enabled for Profile, but dataset {target.dataset!r} is not: the pipeline file "
            "does not have aep.profile: true."
        ]
    return []
