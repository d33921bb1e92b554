"""Every configuration of Profile has a plan that can be applied twice, or a refusal that changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from include.aep.setup import Plan
from include.aep.setup.changes import CreateDataset, EnableDataset, EnableSchema, MarkIdentity
from include.errors import ConfigError, SchemaError
from tests.support.company_sandbox import (
    ENABLED,
    EVENT,
    IDENTITY_MAP,
    STRING,
    Company,
    attribute,
    company,
    url,
)

pytestmark = pytest.mark.sandbox
__all__ = ["company", "url"]


@dataclass(frozen=True)
class Case:
    """``primary``: the schema's own primary identity, the one of the pipeline file, both, or none."""

    schema: str
    primary: str
    dataset: str
    has_map: bool
    profile: bool | None

    def __str__(self) -> str:
        parts = [
            self.schema,
            self.primary,
            self.dataset,
            "map" if self.has_map else "nomap",
            str(self.profile),
        ]
        return "-".join(parts)


def cases() -> list[Case]:
    found = []
    for schema, primary, dataset, has_map, profile in product(
        ("new", "plain", "union"), ("own", "ours", "both", "none"), ("none", "plain", "enabled"),
        (True, False), (True, False, None),
    ):  # fmt: skip
        if schema == "new" and (dataset != "none" or primary in ("own", "both") or not has_map):
            continue  # A new schema has no dataset and no identities, and setup adds identityMap to it.
        if dataset == "enabled" and schema != "union":
            continue  # AEP refuses it.
        if schema == "union" and not has_map and primary in ("ours", "none"):
            continue  # AEP refuses to enable it.
        if profile is False and dataset == "plain":
            continue  # As without the key.
        found.append(Case(schema, primary, dataset, has_map, profile))
    return found


Outcome = tuple[str, ...] | str
"""A part of the refusal; or what is done about Profile."""


def expected(case: Case) -> Outcome:
    """Return the documented rules, in another order than the code has them."""
    if case.profile is False and case.dataset == "enabled":
        return "the pipeline file has profile: false"
    if case.schema == "union" and case.primary == "ours":
        return "events of other datasets would have no primary identity"
    in_profile = case.profile is True or case.dataset == "enabled"
    if in_profile and case.primary == "none" and not case.has_map:
        return "Profile needs a primary identity in every event"
    done = ["primary"] if case.primary == "ours" else []
    if case.profile is True:
        done += ["enable schema"] if case.schema != "union" else []
        done += {"none": ["create enabled"], "plain": ["enable dataset"], "enabled": []}[case.dataset]
    elif case.dataset == "none":
        done.append("create plain")
    return tuple(done)


def done(plan: Plan) -> tuple[str, ...]:
    words = []
    for change in plan.changes:
        if isinstance(change, MarkIdentity) and change.primary:
            words.append("primary")
        elif isinstance(change, EnableSchema):
            words.append("enable schema")
        elif isinstance(change, CreateDataset):
            words.append("create enabled" if change.tags == ENABLED else "create plain")
        elif isinstance(change, EnableDataset):
            words.append("enable dataset")
    return tuple(words)


def made(company: Company, case: Case) -> Any:
    """Return the company's AEP for a case, and the pipeline."""
    target: dict[str, Any] = {} if case.profile is None else {"profile": case.profile}
    if case.primary in ("ours", "both"):
        target["primary_identity"] = "$user_id"
    rows = [
        attribute("properties.$user_id", "_{TENANT_ID}.userId"),
        attribute("properties.crm", "_{TENANT_ID}.crmId"),
    ]
    group = company.group("fields", {"userId": STRING, "crmId": STRING})
    if case.schema == "new":
        return company.pipeline(rows, aep={**target, "field_groups": [group]})
    parts = (group, IDENTITY_MAP) if case.has_map else (group,)
    schema = company.schema(*parts, of=EVENT if case.has_map else company.event_class())
    if case.primary in ("own", "both"):
        company.mark(schema, f"/{company.tenant}/crmId", "CRMID", primary=True)
    if case.schema == "union":
        company.enable(schema)
    if case.dataset != "none":
        company.dataset(schema, tags=ENABLED if case.dataset == "enabled" else {})
    return company.pipeline(rows, aep=target)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_a_configuration_is_planned_and_applied_or_refused(company: Company, case: Case) -> None:
    company.namespace("MixpanelUser")
    pipeline, outcome = made(company, case), expected(case)
    company.writes()
    if isinstance(outcome, str):
        for run in (company.plan, company.apply):
            with pytest.raises((ConfigError, SchemaError)) as refused:
                run(pipeline)
            assert outcome in str(refused.value)
        assert company.writes() == []
        return
    plan = company.plan(pipeline)
    assert done(plan) == outcome
    assert company.writes() == [], "a plan sends nothing"
    result = company.apply(pipeline)
    assert result.changes == [change.done for change in plan.changes]
    assert len(company.writes()) == len(plan.changes), "one request a change"
    again = company.plan(pipeline)
    assert not [change for change in again.changes if change.kind != "tag_dataset"]
    tags = company.aep.catalog.require_dataset(company.name)["tags"]
    enabled = case.profile is True or case.dataset == "enabled"
    assert {name: tags.get(name) for name in ENABLED} == (ENABLED if enabled else dict.fromkeys(ENABLED))
    use = again.schema.profile
    own, ours = (company.tenant, "crmId"), (company.tenant, "userId")
    primary = {"own": own, "both": own, "ours": ours, "none": None}[case.primary]
    assert (use.primary if use else "not in Profile") == (primary if enabled else "not in Profile")
