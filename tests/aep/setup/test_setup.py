"""Setup in a company's AEP: errors are found before the first change, and every change is made once."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from include.errors import AccessDenied, ConfigError, DatasetMissing, PipelineError, SchemaError
from tests.support.company_sandbox import (
    COMMERCE,
    ENABLED,
    EVENT,
    IDENTITY_MAP,
    STRING,
    WEB,
    Company,
    attribute,
    company,
    constant,
    url,
)

pytestmark = pytest.mark.sandbox
__all__ = ["company", "url"]
USER = attribute("properties.$user_id", "_{TENANT_ID}.userId")
TYPE = attribute("event", "eventType")
OWN = {"title": "", "properties": {"userId": STRING}}


def own(company: Company) -> dict[str, Any]:
    return {**OWN, "title": f"{company.name} own"}


def test_a_schema_is_composed_of_field_groups_by_title_and_id(company: Company) -> None:
    theirs = company.group("theirs", {"crmId": STRING})
    groups = ["Web Details", COMMERCE, f"{company.name} theirs"]
    rows = [
        USER,
        attribute("properties.$current_url", "web.webPageDetails.URL"),
        attribute("properties.items[*].id", "productListItems[*].SKU"),
        constant("EUR", "productListItems[*].currencyCode"),
        attribute("properties.crm", "_{TENANT_ID}.crmId"),
    ]
    pipeline = company.pipeline(rows, own(company), aep={"field_groups": groups})
    plan = company.plan(pipeline)
    assert plan.to_json() == company.plan(pipeline).to_json()
    company.apply(pipeline)
    assert company.plan(pipeline).changes == ()
    schema = company.aep.registry.find_schema(company.name)
    assert schema is not None
    parts = [part["$ref"] for part in schema["allOf"]]
    assert {EVENT, WEB, COMMERCE, theirs} <= set(parts)
    assert len(parts) == len(set(parts)) == 6
    company.events(
        {"$user_id": "u1", "$current_url": "https://a.example", "crm": "c", "items": [{"id": 1}, {"id": 2}]}
    )
    company.load(pipeline)
    (row,) = company.rows()
    assert row["productListItems"] == [
        {"SKU": "1", "currencyCode": "EUR"},
        {"SKU": "2", "currencyCode": "EUR"},
    ]
    assert row["web"] == {"webPageDetails": {"URL": "https://a.example"}}
    assert row[company.tenant] == {"userId": "u1", "crmId": "c"}


def test_a_schema_of_a_custom_class_gets_a_field_group_for_it(company: Company) -> None:
    company.schema(of=company.event_class())
    pipeline = company.pipeline([USER], own(company))
    assert f"added the field group to schema {company.name!r}" in company.apply(pipeline).changes
    assert company.plan(pipeline).changes == ()


def test_a_field_group_for_another_class_is_refused(company: Company) -> None:
    company.schema(of=company.event_class())
    group = own(company)
    other = company.pipeline(
        [USER], group, aep={"schema": f"{company.name} new", "dataset": f"{company.name} new"}
    )
    company.apply(other)
    with pytest.raises(
        SchemaError, match=r"is intended for https://ns\.adobe\.com/xdm/context/experienceevent, but schema"
    ):
        company.plan(company.pipeline([USER], group))


def test_an_existing_schema_gets_the_missing_field_groups(company: Company) -> None:
    company.schema(WEB)
    pipeline = company.pipeline(
        [TYPE], own(company), aep={"field_groups": ["Web Details", "Commerce Details"]}
    )
    assert f"added 2 field groups to schema {company.name!r}" in company.apply(pipeline).changes
    assert company.plan(pipeline).changes == ()
    assert "commerce" in company.plan(pipeline).schema.root.children


def test_schema_and_dataset_can_be_named_by_their_ids(company: Company) -> None:
    schema = company.schema(company.group("g", {"userId": STRING}))
    dataset = company.dataset(schema)
    found = company.aep.registry.get("schemas", schema)
    for name in (schema, found["meta:altId"]):
        pipeline = company.pipeline([USER], aep={"schema": name, "dataset": dataset})
        result = company.apply(pipeline)
        assert (result.schema_id, result.dataset_id) == (schema, dataset)
    company.events({"$user_id": "u1"})
    company.load(pipeline)
    assert len(company.rows()) == 1


def _dataset_of_another_schema(company: Company) -> dict[str, Any]:
    company.dataset(company.schema(title=" other"))
    company.schema(company.group("b", {"userId": STRING}))
    return {"profile": True}


def _dataset_without_the_schema(company: Company) -> dict[str, Any]:
    company.dataset(company.schema(title=" other"))
    return {"field_groups": ["Web Details"]}


def _two_groups_of_one_title(company: Company) -> dict[str, Any]:
    return {"field_groups": [f"{company.name} twice"]}


def _taken_title(company: Company) -> dict[str, Any]:
    company.group("g", {"a": STRING})
    return {"schema": f"{company.name} g", "field_groups": ["Web Details"]}


def _long_identity(company: Company) -> dict[str, Any]:
    company.schema(company.group("g", {"userId": {"type": "integer"}}))
    return {}


def _array_identity(company: Company) -> dict[str, Any]:
    company.schema(company.group("g", {"userId": {"type": "array", "items": STRING}}))
    return {}


REFUSED: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "a dataset of another schema": (
        _dataset_of_another_schema, "properties.$user_id",
        ("Dataset '{name}' has another schema than '{name}': https://", "Write the dataset's schema in aep.schema"),
    ),
    "a dataset of another schema than the new one": (
        _dataset_without_the_schema, "", ("Dataset '{name}' has another schema than '{name}'",),
    ),
    "no such schema": (
        lambda _: {}, "", ("AEP has no schema '{name}'. Setup cannot create it, because the file of pipeline company lists no",),
    ),
    "no such schema id": (
        lambda _: {"schema": "https://ns.adobe.com/acmesandbox/schemas/abc"}, "",
        ("AEP has no schema with the id https://ns.adobe.com/acmesandbox/schemas/abc",),
    ),
    "no such dataset id": (
        lambda _: {"dataset": "0123456789abcdef01234567", "field_groups": ["Web Details"]}, "",
        ("AEP has no dataset with the id 0123456789abcdef01234567",),
    ),
    "no such field group": (
        lambda _: {"field_groups": ["Web Detail"]}, "", ("AEP has no field group 'Web Detail'",),
    ),
    "no such field group id": (
        lambda _: {"field_groups": ["https://ns.adobe.com/xdm/context/none"]}, "",
        ("AEP has no field group 'https://ns.adobe.com/xdm/context/none'",),
    ),
    "a field group of profiles": (
        lambda _: {"field_groups": ["Demographic Details"]}, "",
        ("'Demographic Details' is intended for https://ns.adobe.com/xdm/context/profile", "context/experienceevent"),
    ),
    "a title that is taken": (_taken_title, "", ("The title '{name} g' is in use", "a field group has it")),
    "a mapping that does not fit": (
        lambda _: {"field_groups": ["Web Details"]}, "web.pages.URL",
        ("the schema has no field web.pages.URL; nearest is web.webPageDetails.URL",),
    ),
    "an identity in a number": (
        _long_identity, "properties.$user_id",
        ("Mapping 1 maps the identity $user_id to _acmesandbox.userId, which is of type int", "Add a mapping of $user_id to a string field"),
    ),
    "an identity in an array": (
        _array_identity, "_{TENANT_ID}.userId[0]",
        ("Mapping 1 maps the identity $user_id to _acmesandbox.userId[0], which is inside an array or a map",),
    ),
    "a primary identity without a field": (
        lambda _: {"field_groups": ["Web Details"], "primary_identity": "$user_id"}, "",
        ("aep.primary_identity is $user_id, but no mapping maps $user_id to a separate field",),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "mapped", "parts"), REFUSED.values(), ids=REFUSED.keys())
def test_an_impossible_plan_is_refused_before_the_first_change(
    company: Company, make: Any, mapped: str, parts: tuple[str, ...]
) -> None:
    rows = {
        "": [TYPE],
        "properties.$user_id": [USER],
        "_{TENANT_ID}.userId[0]": [attribute("properties.$user_id", "_{TENANT_ID}.userId[0]")],
    }.get(mapped, [attribute("event", mapped)])
    target = make(company)
    pipeline = company.pipeline(rows, aep=target)
    company.writes()
    for run in (company.plan, company.apply):
        with pytest.raises((ConfigError, SchemaError, DatasetMissing)) as refused:
            run(pipeline)
        for part in parts:
            assert part.format(name=company.name, TENANT_ID="") in str(refused.value)
    assert company.writes() == []


def test_all_errors_of_a_plan_are_reported_together(company: Company) -> None:
    company.dataset(company.schema(title=" other"))
    target = {"field_groups": ["Web Detail"]}
    pipeline = company.pipeline([TYPE], own(company), aep=target, identities={"$user_id": "ecid"})
    with pytest.raises(SchemaError) as refused:
        company.plan(pipeline)
    reported = str(refused.value)
    assert all(
        part in reported
        for part in ("has another schema than", "no field group 'Web Detail'", "namespace 'ecid'")
    )


@pytest.mark.parametrize("name", ["1st", "_acme", "a b", "ä", ""])
def test_a_field_name_that_aep_refuses_is_refused_before(company: Company, name: str) -> None:
    fields = {"place": {"type": "object", "properties": {name: STRING}}}
    pipeline = company.pipeline([TYPE], {"title": "t", "properties": fields})
    with pytest.raises(ConfigError, match=rf"has field names that AEP refuses: '{name}'"):
        company.plan(pipeline)


@pytest.mark.parametrize("code", ["ecid", "Emails", "PHONE"])
def test_a_namespace_that_may_be_misspelled_needs_confirmation(company: Company, code: str) -> None:
    target = {"field_groups": ["Web Details"]}
    pipeline = company.pipeline([TYPE], aep=target, identities={"$user_id": code})
    with pytest.raises(
        ConfigError, match=rf"namespace '{code}', but it has .* aep.new_namespaces: \[{code}\]"
    ):
        company.plan(pipeline)
    meant = company.pipeline([TYPE], aep={**target, "new_namespaces": [code]}, identities={"$user_id": code})
    assert company.plan(meant).changes[0].what == f"create identity namespace {code}"


def test_a_computed_identity_is_only_in_the_identity_map(company: Company) -> None:
    """The field with the raw address is not the hashed identity."""
    hashed = {"namespace": "Email_LC_SHA256", "value": "sha256(lower(properties.email))"}
    rows = [USER, attribute("properties.email", "_{TENANT_ID}.email")]
    group = {"title": f"{company.name} own", "properties": {"userId": STRING, "email": STRING}}
    pipeline = company.pipeline(rows, group, identities={"$user_id": "MixpanelUser", "email": hashed})
    result = company.apply(pipeline)
    assert company.plan(pipeline).changes == ()
    marked = [d["xdm:sourceProperty"] for d in company.aep.registry.descriptors(result.schema_id)]
    assert marked == [f"/{company.tenant}/userId"]
    company.events({"$user_id": "u1", "email": "Ann@x.example"})
    company.load(pipeline)
    (row,) = company.rows()
    ids = {code: [each["id"] for each in found] for code, found in row["identityMap"].items()}
    assert ids == {
        "MixpanelUser": ["u1"],
        "Email_LC_SHA256": [hashlib.sha256(b"ann@x.example").hexdigest()],
    }
    near = {"email": {**hashed, "namespace": "email"}}
    with pytest.raises(ConfigError, match=r"Write identities: \{email: \{namespace: Email, …\}\}\."):
        company.plan(company.pipeline(rows, group, identities=near))


def test_a_schema_keeps_its_primary_identity_and_gets_ours_as_secondary(company: Company) -> None:
    schema = company.schema(company.group("g", {"userId": STRING, "crmId": STRING}))
    company.mark(schema, f"/{company.tenant}/crmId", "CRMID", primary=True)
    rows = [USER, attribute("properties.crm", "_{TENANT_ID}.crmId")]
    pipeline = company.pipeline(rows, aep={"profile": True, "primary_identity": "$user_id"})
    result = company.apply(pipeline)
    assert f"marked /{company.tenant}/userId as identity MixpanelUser" in result.changes
    assert result.notes[0] == (
        f"Schema {company.name!r} keeps its primary identity /{company.tenant}/crmId (CRMID); $user_id becomes an additional "
        "identity."
    )
    primary = [
        d["xdm:sourceProperty"] for d in company.aep.registry.descriptors(schema) if d.get("xdm:isPrimary")
    ]
    assert primary == [f"/{company.tenant}/crmId"]


def test_events_use_the_schemas_primary_identity_and_none_in_the_identity_map(
    company: Company,
) -> None:
    schema = company.schema(company.group("g", {"crmId": STRING}))
    company.mark(schema, f"/{company.tenant}/crmId", "CRMID", primary=True)
    pipeline = company.pipeline([attribute("properties.crm", "_{TENANT_ID}.crmId")], aep={"profile": True})
    company.apply(pipeline)
    company.events({"$user_id": "u1", "crm": "c1"}, {"$user_id": "u2"}, {"crm": "c3"})
    counts, reasons = company.load(pipeline)
    assert (counts["valid"], counts["quarantined"]) == (2, 1)
    assert reasons == [
        f"{company.tenant}.crmId must be present: it is the primary identity of a dataset enabled for Profile"
    ]
    primaries = [
        identity.get("primary") for row in company.rows() for each in row.get("identityMap", {}).values() for identity in each
    ]  # fmt: skip
    assert primaries == [False]


def test_without_a_primary_identity_field_the_identity_map_has_exactly_one(
    company: Company,
) -> None:
    pipeline = company.pipeline(
        [TYPE], own(company), aep={"profile": True},
        identities={"$user_id": "MixpanelUser", "$device_id": "MixpanelDevice"},
    )  # fmt: skip
    result = company.apply(pipeline)
    assert not [d for d in company.aep.registry.descriptors(result.schema_id) if d.get("xdm:isPrimary")]
    company.events({"$user_id": "u1", "$device_id": "d1"}, {"$device_id": "d2"}, {"a": 1})
    counts, _ = company.load(pipeline)
    assert (counts["valid"], counts["quarantined"]) == (2, 1)
    for row in company.rows():
        assert sum(bool(i["primary"]) for each in row["identityMap"].values() for i in each) == 1


def test_a_dataset_enabled_by_the_company_follows_the_rules_of_profile(company: Company) -> None:
    schema = company.schema(company.group("g", {"text": STRING}), IDENTITY_MAP)
    company.enable(schema)
    company.dataset(schema, tags=ENABLED)
    pipeline = company.pipeline([attribute("properties.text", "_{TENANT_ID}.text")])
    company.events({"$user_id": "u1", "text": "x" * 11_000}, {"$user_id": "u2", "text": "x"}, {"text": "x"})
    counts, reasons = company.load(pipeline)
    assert (counts["valid"], counts["quarantined"]) == (1, 2)
    assert sorted(reason.split(" must")[0] for reason in reasons) == ["identityMap", "the event"]
    assert company.plan(pipeline).notes == (
        f"Dataset {company.name!r} is enabled for Profile (its tag unifiedProfile): events are checked against Profile's "
        "requirements.",
    )


RIGHTS = {
    "/data/core/idnamespace/identities": "Manage Identity Namespaces",
    "/data/foundation/schemaregistry/tenant/fieldgroups": "Manage Schemas",
    "/data/foundation/schemaregistry/tenant/schemas": "Manage Schemas",
    "/data/foundation/schemaregistry/tenant/descriptors": "Manage Identity Metadata",
    "/data/foundation/catalog/dataSets": "Manage Datasets",
}


@pytest.mark.parametrize(("path", "right"), RIGHTS.items(), ids=[path.rpartition("/")[2] for path in RIGHTS])
def test_a_missing_permission_is_named_and_the_next_run_continues(
    company: Company, path: str, right: str
) -> None:
    code = f"N{abs(hash(company.name)) % 10**9}"
    pipeline = company.pipeline([USER], own(company), aep={"profile": True}, identities={"$user_id": code})
    plan = company.plan(pipeline)
    refuse(company, path, {"do": "answer", "status": 403, "body_json": {"title": "Forbidden"}})
    with pytest.raises(AccessDenied) as denied:
        company.apply(pipeline)
    assert f"it needs the permission {right!r}" in str(denied.value)
    left = company.plan(pipeline).changes
    made = [change for change in plan.changes if change not in left]
    assert f"{len(made)} of {len(plan.changes)} changes were made" in str(denied.value)
    assert company.apply(pipeline).changes == [change.done for change in left]
    assert company.plan(pipeline).changes == ()


@pytest.mark.parametrize("path", RIGHTS, ids=[path.rpartition("/")[2] for path in RIGHTS])
def test_a_change_with_a_lost_response_is_not_repeated(company: Company, path: str) -> None:
    code = f"L{abs(hash(company.name)) % 10**9}"
    pipeline = company.pipeline([USER], own(company), aep={"profile": True}, identities={"$user_id": code})
    planned = company.plan(pipeline).changes
    refuse(company, path, {"do": "drop", "end": "reset", "after": True})
    with pytest.raises(PipelineError):
        company.apply(pipeline)
    left = company.plan(pipeline).changes
    made = [change for change in planned if change.what not in {each.what for each in left}]
    assert path.rpartition("/")[2] in " ".join(company.writes()[-len(made) :])
    company.apply(pipeline)
    assert company.plan(pipeline).changes == ()
    assert len([line for line in company.writes() if line.endswith(path)]) == sum(
        line_of(change.kind) == path for change in left
    )


def line_of(kind: str) -> str:
    """Return the path to which a kind of change is sent."""
    words = {"namespace": 0, "field_group": 1, "create_schema": 2, "mark": 3, "create_dataset": 4}
    return next((list(RIGHTS)[place] for word, place in words.items() if word in kind), "")


def refuse(company: Company, path: str, action: dict[str, Any], times: int = 1) -> None:
    """Let the next writes to this path fail."""
    match = {"service": "aep", "method": "POST", "path": path}
    company.control("faults", {"match": match, "action": action, "times": times})
