"""The requirements for enabling a schema for Profile (EP:xdm/api/schemas.md#union, EP:xdm/troubleshooting-guide.md)."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.scope import DESCRIPTORS, RESOURCES, AepSandboxScope
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.identity.routes.namespaces import find_namespace
from mixpanel_aep_sandbox.core.json_types import JsonObject

IDENTITY_MAP = "https://ns.adobe.com/xdm/context/identitymap"


def check_union(scope: AepSandboxScope, before: JsonObject | None, body: JsonObject) -> None:
    """Check a change of the tag ``union``, which enables a schema for Profile permanently.

    Args:
        scope: The AEP sandbox.
        before: The previous version of the schema; None for a new schema.
        body: The new version of the schema.

    Raises:
        Problem: 400 if the schema lacks a requirement of Profile, or the tag was removed
            (EP:xdm/troubleshooting-guide.md).
    """
    tags = body.get("meta:immutableTags", [])
    had = "union" in (before or {}).get("meta:immutableTags", [])
    if had and "union" not in tags:
        raise problem(400, "A schema that is enabled for Profile cannot be disabled.")
    if "union" not in tags or had:
        return
    # "If the schema does not explicitly define a primary identity, UPS treats identityMap as the primary identifier"
    # (experienceleague.adobe.com, ka-29740).
    if primary_identity(scope, body["$id"]) is None and not _has_identity_map(scope, body):
        raise problem(400, "A schema requires a primary identity before it can be enabled for Profile.")
    _check_relationships(
        scope, [each for _, each in scope.items(DESCRIPTORS) if each["xdm:sourceSchema"] == body["$id"]]
    )


def _has_identity_map(scope: AepSandboxScope, body: JsonObject) -> bool:
    """Return whether the field group IdentityMap of a schema replaces a primary identity.

    The schema must have this field group, and a setting must accept it.
    """
    if AepSettings.of(scope.state).profile_needs != "identityMap":
        return False
    return any(part.get("$ref") == IDENTITY_MAP for part in body.get("allOf", []))


def _check_relationships(scope: AepSandboxScope, own: list[JsonObject]) -> None:
    """Check the descriptors of one-to-one relationships among those of a schema.

    Args:
        scope: The AEP sandbox.
        own: The descriptors of the schema.

    Raises:
        Problem: 400 if a relationship lacks a reference identity, or its namespace does not match.
    """
    references_by_path = {
        each["xdm:sourceProperty"]: each for each in own if each["@type"] == "xdm:descriptorReferenceIdentity"
    }
    for each in own:
        if each["@type"] != "xdm:descriptorOneToOne":
            continue
        reference = references_by_path.get(each["xdm:sourceProperty"])
        if reference is None:
            raise problem(
                400,
                "For a schema to be able to participate in union, if any of its property is associated with a"
                " xdm:descriptorOneToOne descriptor, there must be a xdm:descriptorReferenceIdentity descriptor"
                " for that property",
            )
        destination = scope.get(RESOURCES, each["xdm:destinationSchema"]) or {}
        primary = primary_identity(scope, each["xdm:destinationSchema"])
        if (
            "union" in destination.get("meta:immutableTags", [])
            and primary is not None
            and _code(scope, primary) != reference["xdm:identityNamespace"]
        ):
            raise problem(
                400,
                "If both schemas from an already defined xdm:descriptorOneToOne descriptor are promoted to union,"
                " and if there is a primary identity on one of the schemas from the xdm:descriptorOneToOne"
                " descriptor, the xdm:identityNamespace of the sourceSchema's descriptorReferenceIdentity and the"
                " xdm:namespace field of the xdm:descriptorIdentity for the destinationSchema must match",
            )


def primary_identity(scope: AepSandboxScope, schema: str) -> JsonObject | None:
    """Return the descriptor of the primary identity of the schema with this ``$id``; None if it has none."""
    return next(
        (
            each
            for _, each in scope.items(DESCRIPTORS)
            if each["xdm:sourceSchema"] == schema and each.get("xdm:isPrimary") is True
        ),
        None,
    )


def _code(scope: AepSandboxScope, descriptor: JsonObject) -> str:
    """Return the code of the namespace in an identity descriptor, which may contain the namespace's id instead."""
    by_id = descriptor["xdm:property"] == "xdm:id"
    return str((find_namespace(scope, descriptor["xdm:namespace"], by_id=by_id) or {}).get("code"))
