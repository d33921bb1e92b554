"""States of AEP that setup refuses, and calls of setup with such a state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from include.aep.catalog import Catalog
from include.aep.client import AepClient
from include.aep.identity_service import Namespace
from include.aep.model import Dataset
from include.aep.ownership import Ownership
from include.aep.setup import Plan, SetupRequirements, apply_plan, plan_setup
from include.aep.setup import field_group as files
from include.aep.setup.changes import CreateNamespace
from include.aep.setup.state import IDENTITY_MAP, AepState
from include.errors import AccessDenied
from tests.support.builders import DATE_TIME, STRING, object_of, pipeline, schema
from tests.support.builders import IDENTITY_MAP as MAP

EVENT = "https://ns.adobe.com/xdm/context/experienceevent"


PERSON = "https://ns.adobe.com/xdm/context/profile"


GROUP = "https://ns.adobe.com/acme/mixins/1"


OTHER = "https://ns.adobe.com/acme/mixins/2"


SCHEMA = "https://ns.adobe.com/acme/schemas/1"


ENABLED = {"unifiedProfile": ["enabled:true"]}


USER = {
    "sourceType": "ATTRIBUTE",
    "source": "properties.$user_id",
    "destination": "_{TENANT_ID}.mixpanel.user",
}


def part(title: str, fields: Mapping[str, Any], of: str = EVENT) -> dict[str, Any]:
    return {"title": title, "meta:intendedToExtend": [of], "type": "object", "properties": dict(fields)}


def event_class() -> dict[str, Any]:
    fields = {"_id": STRING, "timestamp": DATE_TIME, "eventType": STRING}
    return {
        "title": "XDM ExperienceEvent",
        "type": "object",
        "required": ["_id", "timestamp"],
        "properties": fields,
    }


def tenant(**fields: Any) -> dict[str, Any]:
    return {"_acme": object_of(mixpanel=object_of(**fields))}


def state(**changes: Any) -> AepState:
    """AEP with the class, IdentityMap and a field group *Ours* with the string ``user``."""
    base = AepState(
        tenant="acme",
        namespaces={"ECID": Namespace("ECID", "ECID", "COOKIE", custom=False)},
        field_group_ids={"Ours": (GROUP,)},
        parts={
            EVENT: event_class(),
            IDENTITY_MAP: part("IdentityMap", {"identityMap": MAP}),
            GROUP: part("Ours", tenant(user=STRING)),
        },
    )
    return replace(base, **changes)


def existing(*, union: bool = False, fields: Mapping[str, Any] | None = None, **changes: Any) -> AepState:
    """The same with the schema *Events*, without IdentityMap unless ``changes`` say otherwise."""
    document = event_class()
    document["properties"] |= fields if fields is not None else tenant(user=STRING)
    written = {
        "$id": SCHEMA,
        "title": "Events",
        "meta:class": EVENT,
        "meta:immutableTags": ["union"] if union else [],
        "allOf": [{"$ref": EVENT}, {"$ref": GROUP}],
    }
    parts = {**state().parts, SCHEMA: document, **changes.pop("parts", {})}
    return state(schema=written, parts=parts, **changes)


def dataset(tags: Mapping[str, Any] | None = None, schema_id: str = SCHEMA) -> Dataset:
    reference = {"id": schema_id, "contentType": ""}
    return cast(Dataset, {"id": "d1", "name": "Events", "schemaRef": reference, "tags": tags or {}})


def marked(*, primary: bool, path: str = "/_acme/mixpanel/user") -> tuple[dict[str, Any], ...]:
    return (
        {
            "@type": "xdm:descriptorIdentity",
            "xdm:sourceProperty": path,
            "xdm:namespace": "CRMID",
            "xdm:property": "xdm:code",
            "xdm:isPrimary": primary,
        },
    )


def planned(
    found: AepState,
    rows: Sequence[Mapping[str, Any]] = (USER,),
    group: Mapping[str, Any] | None = None,
    identities: Mapping[str, Any] | None = None,
    **target: Any,
) -> Callable[[], object]:
    section = {"field_groups": ["Ours"], "conn_id": "aep_default", **target}
    chosen = pipeline(aep=section, identities=identities or {"$user_id": "MixpanelUser"}, unmapped="drop")
    if group is not None:
        chosen = chosen.model_copy(
            update={"aep": chosen.aep.model_copy(update={"field_group": "own.json", "field_groups": ()})}
        )
    return lambda: plan_setup(found, SetupRequirements(chosen, group, tuple(rows)))


OWN = {"title": "Own", "properties": {"mixpanel": object_of(user=STRING)}}


def own_group(**fields: Any) -> dict[str, Any]:
    """The field group *Own* as AEP has it."""
    custom = {"properties": {"_acme": {"properties": {"mixpanel": object_of(**fields)}}}}
    return {
        "$id": OTHER,
        "title": "Own",
        "meta:intendedToExtend": [EVENT],
        "definitions": {"customFields": custom},
    }


def read(text: str | None) -> Callable[[], object]:
    def run() -> object:
        files.FIELD_GROUPS.joinpath("own.json").unlink(missing_ok=True)
        if text is not None:
            files.FIELD_GROUPS.joinpath("own.json").write_text(text)
        return files.read_field_group("own.json")

    return run


class Forbidden:
    """AEP without a right."""

    def __init__(self) -> None:
        self.identity = self

    def create(self, *_: object) -> None:
        raise AccessDenied("AEP answered 403.", "Ask.")


def applied() -> object:
    change = CreateNamespace("create identity namespace X", "created", "identities", code="X")
    plan = Plan("shop", (change, change), (), schema(), "", "", "")
    return apply_plan(plan, cast(AepClient, Forbidden()), Ownership("shop"))


class TwoDatasets(Catalog):
    """A catalog with two datasets of one name."""

    def __init__(self) -> None:
        """Without a client."""

    def _pages(self, *_: object) -> Any:
        return iter([("d1", {"name": "Events"}), ("d2", {"name": "Events"})])
