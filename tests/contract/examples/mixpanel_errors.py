"""Mixpanel's errors, limits, late and changed rows (sections 1.4 to 2.5)."""

from __future__ import annotations

from typing import Any

from tests.contract.documented_client import DocumentedClient
from tests.contract.example import Call, Each, Example, Has, Is, Lines, Preparation, Text
from tests.contract.examples.mixpanel_export import (
    DAY,
    EXPORT,
    KINDS,
    ONE,
    _basic,
    event,
    export,
    named,
    project,
)

LATE_DAY = {"from_date": "2026-07-03", "to_date": "2026-07-03"}
ME = Call("GET", "/api/app/me")


def fault(do: str, **action: Any) -> Preparation:
    """Let Mixpanel's own faults affect the next export."""
    return lambda client: client.sandbox.plan_fault(do, path=EXPORT, **action) and None


def at(when: str) -> Preparation:
    return lambda client: client.sandbox.clock.set(when, freeze=True)


def asked(times: int, seconds_between: float, project_fields: dict[str, Any] | None = None) -> Preparation:
    """Create a project with Mixpanel's limits and a number of earlier exports."""

    def prepare(client: DocumentedClient) -> None:
        project(event(), limited=True, **(project_fields or {}))(client)
        for _ in range(times):
            answer = client.send(export())
            assert answer.status_code == 200, answer.text
            client.sandbox.clock.advance(seconds_between)

    return prepare


def with_account(**more: Any) -> Preparation:
    def prepare(client: DocumentedClient) -> None:
        project(event())(client)
        sandbox: Any = client.sandbox
        sandbox.add_account("other.1.mp-service-account", "other", int(client.names["project"]), **more)

    return prepare


def done(method: str, *args: Any, **named_args: Any) -> Preparation:
    """Change the project by the control plane, such as a merge of identities."""
    return lambda client: getattr(client.sandbox, method)(int(client.names["project"]), *args, **named_args)


def without(name: str) -> Is:
    return Is(lambda found: name not in found)


OTHER = _basic("other.1.mp-service-account:other")
SEEN = project(event(processed_at=f"{DAY}T12:00:01Z"))
TWO_COPIES = project(event(properties={"$insert_id": "i"}, copies=2))
# A row is a line.
# fmt: off
ERRORS = [
    Example("mixpanel 1.4 to_date later than today", export(**LATE_DAY), 400, {"error": "to_date cannot be later than today"}, given=(ONE,)),
    Example("mixpanel 1.4 to_date later than today as text", export(**LATE_DAY), 400, "to_date cannot be later than today", {"Content-Type": Text("^text/plain")}, given=(project(event(), switches={"export_errors": "text"}),)),
    Example("mixpanel 1.4 an expired account", export(OTHER), 400, Text("Unable to authenticate request"), given=(with_account(expires="2026-07-01T00:00:00Z"),)),
    Example("mixpanel 1.4 an account before its end", export(OTHER), 200, given=(with_account(expires="2026-07-03T00:00:00Z"),)),
    Example("mixpanel 1.4 another residency's project", export({"Host": "data-eu.mixpanel.com"}), 400, Has({"error": Text("invalid project id for cluster.$")}), given=(ONE,)),
    Example("mixpanel 1.4 an invalid where", export(where="properties["), 400, given=(ONE,)),
    Example("mixpanel 1.4 an invalid date", export(from_date="2026-02-30"), 400, given=(ONE,)),
    Example("mixpanel 1.4 a date in another form", export(from_date="07/01/2026"), 400, given=(ONE,)),
    Example("mixpanel 1.4 a year before 2000", export(from_date="1999-12-31"), 400, Text("invalid date, bad year"), given=(ONE,)),
    Example("mixpanel 1.4 from_date after to_date", export(from_date="2026-07-02"), 400, given=(ONE,)),
    Example("mixpanel 1.4 wrong credentials", export(_basic("nobody:nothing")), 401, Text("Unauthorized"), given=(ONE,)),
    Example("mixpanel 1.4 402 for a plan without the Query API", Call("GET", "/api/query/events/names", {"project_id": "<project>", "type": "general"}), 402, {"error": str}, given=(project(query_api=False),)),
    Example("mixpanel 1.4 402 is not the export's", export(), 200, given=(project(event(), query_api=False),)),
    Example("mixpanel 1.4 403 without the right to export", export(OTHER), 403, given=(with_account(role="no_export"),)),
    Example("mixpanel 1.4 403 without access to the project", export(OTHER, project_id="3000002"), 403, given=(with_account(),)),
    Example("mixpanel 1.4 403 for a range before the plan's history", export(from_date="2026-01-01", to_date="2026-01-02"), 403, Text("into the past"), given=(project(event(), history_days=30),)),
    Example("mixpanel 1.4 429 too many exports in progress", export(), 429, {"error": "too many export requests in progress for this project"}, given=(project(limited=True, limits={"enabled": True, "concurrent": 0}),)),
    Example("mixpanel 1.4 429 too many in an hour", export(), 429, {"request": Text(EXPORT), "error": Text(r"^Query rate limit exceeded for project_id: <project>\. \d+/100 queries running concurrently and \d+/60 queries running in the last hour\.")}, given=(asked(60, 1),)),
    *(Example(f"mixpanel 1.4 {status} as planned", export(), status, body, given=(ONE, fault("answer", status=status, body=body))) for status, body in {500: "unknown error", 502: "error completing export request", 503: "<html>busy</html>", 504: ""}.items()),
    *(Example(f"mixpanel 1.4 200 that ends with {text}", export(), 200, Text(rf"\n{text}\n?$".replace("[", r"\[").replace("]", r"\]")), given=(KINDS, fault("sentinel", text=text, after_lines=1))) for text in ("terminated early", "export terminated early", "[terminated early]")),
    Example("mixpanel 1.4 an error dressed as success", export(), 200, {"error": "unknown error"}, given=(ONE, fault("answer", status=200, body_json={"error": "unknown error"}))),
]

LIMITS = [
    Example("mixpanel 1.5 60 an hour", export(), 200, given=(asked(59, 1),)),
    Example("mixpanel 1.5 the 61st in an hour", export(), 429, given=(asked(60, 59),)),
    Example("mixpanel 1.5 the 61st when the first is an hour ago", export(), 200, given=(asked(60, 60),)),
    Example("mixpanel 1.5 3 a second", export(), 200, given=(asked(2, 0),)),
    Example("mixpanel 1.5 the fourth in a second", export(), 429, given=(asked(3, 0),)),
    Example("mixpanel 1.5 no Retry-After is promised", export(), 429, headers={"Retry-After": Is(lambda value: value is None)}, given=(asked(3, 0),)),
    Example("mixpanel 1.5 [I] Retry-After as Mixpanel's tool reads it", export(), 429, headers={"Retry-After": Text(r"^\d+$")}, given=(project(limits={"enabled": True, "per_hour": 0, "retry_after": True}),)),
    Example("mixpanel 1.5 [I] RateLimit headers as Mixpanel's tool reads them", export(), 429, headers={"RateLimit": str, "RateLimit-Policy": str}, given=(project(limits={"enabled": True, "per_hour": 0, "rate_limit_headers": True}),)),
    Example("mixpanel 1.5 a rejected export does not count", export(), 200, given=(asked(3, 0), lambda client: client.send(export()) and None, lambda client: client.sandbox.clock.advance(1.001))),
    Example("mixpanel 1.5 the Query API is limited separately", Call("GET", "/api/query/events/names", {"project_id": "<project>", "type": "general"}), 200, given=(asked(3, 0),)),
]

CHANGES = [
    Example("mixpanel 1.6 a long range", export(from_date="2025-07-01"), 200, Lines(named("A")), given=(ONE,)),
    Example("mixpanel 1.6 [I] a longest range", export(from_date="2026-03-01"), 400, given=(project(event(), switches={"max_export_days": 100}),)),
    Example("mixpanel 1.7 a row not processed yet", export(), 200, b"", given=(project(event(processed_at="2026-07-02T13:00:00Z")),)),
    Example("mixpanel 1.7 the same row an hour later", export(), 200, Lines(named("A")), given=(project(event(processed_at="2026-07-02T13:00:00Z")), at("2026-07-02T13:00:01Z"))),
    Example("mixpanel 1.7 a row 150 days late", export(from_date="2026-02-01", to_date="2026-02-01"), 200, Lines(named("A")), given=(project(event(at="2026-02-01T12:00:00Z")),)),
    Example("mixpanel 1.7 an identity merge rewrites distinct_id", export(), 200, Lines([Has({"properties": Has({"distinct_id": "u-1", "$distinct_id_before_identity": "ann"})})]), given=(ONE, done("merge_identity", "ann", "u-1"))),
    Example("mixpanel 1.7 a deletion is still in the raw export for a while", export(), 200, Lines(named("A")), given=(SEEN, done("delete_events", at="2026-07-02T11:00:00Z", purged_at="2026-07-20T00:00:00Z", events=["A"]))),
    Example("mixpanel 1.7 a deletion after the purge", export(), 200, b"", given=(SEEN, done("delete_events", at="2026-07-02T11:00:00Z", purged_at="2026-07-20T00:00:00Z", events=["A"]), at("2026-07-20T00:00:01Z"))),
    Example("mixpanel 1.8 duplicates are kept", export(), 200, Lines(named("A", "A")), given=(TWO_COPIES,)),
    Example("mixpanel 1.8 one $insert_id, two events", export(), 200, Lines(named("A", "B")), given=(project(event(properties={"$insert_id": "i"}), event("B", properties={"$insert_id": "i"})),)),
    Example("mixpanel 1.8 a row without $insert_id", export(), 200, Lines([Has({"properties": without("$insert_id")})]), given=(project({"line": '{"event":"A","properties":{"time":1782907200}}', "at": f"{DAY}T12:00:00Z"}),)),
]

NEAR_NOW = [
    Example("mixpanel 2.5 to_date is today", export(from_date="2026-07-02", to_date="2026-07-02"), 200, given=(ONE,)),
    Example("mixpanel 2.5 to_date is tomorrow", export(**LATE_DAY), 400, given=(ONE,)),
    Example("mixpanel 2.5 UTC's day has come, the project's has not", export(**LATE_DAY), 400, given=(project(timezone="America/Los_Angeles", time_is="project_local"), at("2026-07-03T06:59:00Z"))),
    Example("mixpanel 2.5 the project's day has come", export(**LATE_DAY), 200, given=(project(timezone="America/Los_Angeles", time_is="project_local"), at("2026-07-03T07:00:00Z"))),
    Example("mixpanel 2.5 the project's day is before UTC's", export(**LATE_DAY), 200, given=(project(timezone="Asia/Kolkata", time_is="project_local"), at("2026-07-02T18:30:00Z"))),
    Example("mixpanel 2.5 the project's day has not come in Kolkata", export(**LATE_DAY), 400, given=(project(timezone="Asia/Kolkata", time_is="project_local"), at("2026-07-02T18:29:00Z"))),
]

APP = [
    Example("mixpanel 4.2 me", ME, 200, {"status": "ok", "results": Has({"projects": Has({"3000002": Has({"name": str, "organization_id": int, "timezone": str, "has_workspaces": bool, "domain": str, "type": str})}), "organizations": Each(Has({"role": str, "permissions": list})), "workspaces": dict})}),
    Example("mixpanel 4.2 me has the project's time zone", ME, 200, Has({"results": Has({"projects": Has({"<project>": Has({"timezone": "Asia/Kolkata"})})})}), given=(project(timezone="Asia/Kolkata"),)),
    Example("mixpanel 4.2 me with wrong credentials", Call("GET", "/api/app/me", headers=_basic("nobody:nothing")), 401),
    Example("mixpanel 4.2 workspaces", Call("GET", "/api/app/projects/3000002/workspaces/public"), 200, {"status": "ok", "results": Each(Has({"id": int, "name": str}))}),
    Example("mixpanel 4.2 an export of one row proves the permission", export(limit=1), 200, Lines(named("A")), given=(ONE,)),
    *(Example(f"mixpanel 4.2 cohorts list by {method}", Call(method, "/api/query/cohorts/list", {"project_id": "3000002"}), 200, Each(Has({"id": int, "name": str, "count": int, "project_id": 3000002, "is_visible": int, "created": str, "description": str}))) for method in ("GET", "POST")),
    Example("mixpanel 4.2 cohorts list on the Free plan", Call("POST", "/api/query/cohorts/list", {"project_id": "<project>"}), 402, given=(project(query_api=False),)),
    Example("mixpanel 4.2 engage, old path", Call("GET", "/api/2.0/engage", {"project_id": "3000002"}), 200, Has({"results": Each(Has({"$distinct_id": str}))})),
    Example("mixpanel 4.3 Lexicon schemas", Call("GET", "/api/app/projects/3000002/schemas"), 200, Has({"results": Each(Has({"entityType": str, "name": str, "schemaJson": Has({"properties": dict})}))})),
    Example("mixpanel 4.3 Lexicon schemas of events", Call("GET", "/api/app/projects/3000002/schemas/event"), 200, Has({"results": Each(Has({"entityType": "event"}))})),
    Example("mixpanel 4.3 a Lexicon schema by name", Call("GET", "/api/app/projects/3000002/schemas/event", {"entity_name": "Purchase"}), 200, Has({"results": [Has({"entityType": "event", "name": "Purchase"})]})),
    Example("mixpanel 4.3 names of events", Call("GET", "/api/query/events/names", {"project_id": "<project>", "type": "general"}), 200, ["A"], given=(ONE,)),
    Example("mixpanel 4.3 top properties", Call("GET", "/api/query/events/properties/top", {"project_id": "<project>", "event": "A"}), 200, Has({"plan": {"count": 1}}), given=(project(event(properties={"plan": "pro"})),)),
    Example("mixpanel 4.3 top properties without an event", Call("GET", "/api/query/events/properties/top", {"project_id": "<project>", "limit": 2000}), 200, Each({"count": int}), given=(ONE,)),
    Example("mixpanel 4.3 values of a property", Call("GET", "/api/query/events/properties/values", {"project_id": "<project>", "event": "A", "name": "plan"}), 200, ["pro"], given=(project(event(properties={"plan": "pro"})),)),
    Example("mixpanel 4.3 the Lexicon limit of 5 a minute", Call("GET", "/api/app/projects/3000002/schemas"), 429, given=tuple([lambda client: client.send(Call("GET", "/api/app/projects/3000002/schemas")) and None] * 5)),
    Example("mixpanel 4.4 profiles", Call("POST", "/api/query/engage", {"project_id": "3000002"}), 200, Has({"page": 0, "page_size": 1000, "session_id": str, "status": "ok", "total": int, "results": Each({"$distinct_id": str, "$properties": dict})})),
    Example("mixpanel 4.4 profiles with where and output_properties", Call("POST", "/api/query/engage", {"project_id": "3000002"}, data={"where": 'properties["plan"] == "pro"', "output_properties": '["plan"]'}), 200, Has({"results": Each({"$distinct_id": str, "$properties": {"plan": "pro"}})})),
    Example("mixpanel 4.4 a page without a session", Call("POST", "/api/query/engage", {"project_id": "3000002"}, data={"page": "1"}), 400),
    Example("mixpanel 4.4 profiles on the Free plan", Call("POST", "/api/query/engage", {"project_id": "<project>"}), 402, given=(project(query_api=False),)),
]
# fmt: on
