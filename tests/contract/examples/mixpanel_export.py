"""Mixpanel's raw event export as documented: parameters, credentials and rows (sections 1.1 to 1.3)."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.contract.documented_client import DocumentedClient
from tests.contract.example import Call, Each, Example, Has, Is, Lines, Preparation, Text

EXPORT = "/api/2.0/export"
DAY = "2026-07-01"


def export(headers: dict[str, str | None] | None = None, **query: Any) -> Call:
    """One day of the project that the preparation made; a parameter that is None is left out."""
    asked = {"project_id": "<project>", "from_date": DAY, "to_date": DAY, **query}
    return Call("GET", EXPORT, {k: v for k, v in asked.items() if v is not None}, headers=headers or {})


def project(*events: dict[str, Any], **fields: Any) -> Preparation:
    """A project with these events, each at noon of DAY unless it says otherwise."""

    def prepare(client: DocumentedClient) -> None:
        sandbox: Any = client.sandbox
        number = sandbox.add_project(**fields)
        client.names["project"] = str(number)
        if events:
            sandbox.add_events(number, *events)

    return prepare


def event(name: str = "A", at: str = f"{DAY}T12:00:00Z", **more: Any) -> dict[str, Any]:
    properties = {"distinct_id": "ann", **more.pop("properties", {})}
    return {"event": name, "properties": properties, "at": at, **more}


def named(*names: str) -> Is:
    """Events of these names, in any order: rows come shard by shard."""
    return Is(lambda rows: sorted(row["event"] for row in rows) == sorted(names))


def _basic(text: str) -> dict[str, str | None]:
    return {"Authorization": "Basic " + b64encode(text.encode()).decode()}


ACCOUNT = "demo.5a4d00.mp-service-account:demo-secret-not-real-0000"
ONE = project(event())
DAYS = project(*(event(f"on {day}", f"2026-06-{day}T12:00:00Z") for day in (10, 11, 12, 13)))
KINDS = project(
    event("a", properties={"x": "y", "tags": ["a"], "mp_processing_time_ms": 1782907199999}),
    event(
        "b", f"{DAY}T13:00:00Z", properties={"x": "z", "tags": ["b"], "mp_processing_time_ms": 1782911000000}
    ),
)
LONG = project(*(event(f"event {n}", properties={"text": "x" * 100}) for n in range(30)))

WHERE = {
    'number(properties["mp_processing_time_ms"]) < 1782907200000': ["a"],
    'properties["mp_processing_time_ms"] > 1782907199999 and properties["mp_processing_time_ms"] < 1782911000001': [
        "b"
    ],
    'properties["mp_processing_time_ms"] >= 1782907199999 and properties["mp_processing_time_ms"] < 1782911000000': [
        "a"
    ],
    'properties["$time"]>=datetime(1782907201)': ["b"],
    'event["$time"] >= datetime("2026-07-01T12:30:00")': ["b"],
    'defined(properties["x"])': ["a", "b"],
    '"a" in properties["tags"]': ["a"],
    'properties["x"] == "y"': ["a"],
}

# A row is a line.
# fmt: off
PARAMETERS = [
    Example("mixpanel 1.1 GET /api/2.0/export", export(), 200, Lines([Has({"event": "A"})]), given=(ONE,)),
    Example("mixpanel 1.1 no project_id", export(project_id=None), 401, Text("invalid project secret"), given=(ONE,)),
    Example("mixpanel 1.1 both dates are inclusive", export(from_date="2026-06-11", to_date="2026-06-12"), 200, Lines(named("on 11", "on 12")), given=(DAYS,)),
    Example("mixpanel 1.1 one day is one day", export(from_date="2026-06-11", to_date="2026-06-11"), 200, Lines(named("on 11")), given=(DAYS,)),
    Example("mixpanel 1.1 no from_date", export(from_date=None), 400, given=(ONE,)),
    Example("mixpanel 1.1 no to_date", export(to_date=None), 400, given=(ONE,)),
    Example("mixpanel 1.1 event is a JSON array", export(event='["a"]'), 200, Lines(named("a")), given=(KINDS,)),
    Example("mixpanel 1.1 event has several names", export(event='["a","b","none"]'), 200, Lines(named("a", "b")), given=(KINDS,)),
    Example("mixpanel 1.1 event is not a JSON array", export(event="a"), 400, given=(KINDS,)),
    Example("mixpanel 1.1 limit caps", export(limit=1), 200, Lines(Is(lambda rows: len(rows) == 1)), given=(KINDS,)),
    Example("mixpanel 1.1 limit of 100000 is the largest", export(limit=100000), 200, given=(ONE,)),
    Example("mixpanel 1.1 limit above 100000", export(limit=100001), 400, given=(ONE,)),
    Example("mixpanel 1.1 limit as text", export(limit="many"), 400, given=(ONE,)),
    Example("mixpanel 1.1 time in seconds", export(), 200, Lines([Has({"properties": Has({"time": 1782907200})})]), given=(ONE,)),
    Example("mixpanel 1.1 time_in_ms", export(time_in_ms="true"), 200, Lines([Has({"properties": Has({"time": 1782907200123})})]), given=(project(event(at=f"{DAY}T12:00:00.123Z")),)),
    Example("mixpanel 1.1 time_in_ms false drops the milliseconds", export(time_in_ms="false"), 200, Lines([Has({"properties": Has({"time": 1782907200})})]), given=(project(event(at=f"{DAY}T12:00:00.987Z")),)),
    Example("mixpanel 1.1 gzip when asked and large", export({"Accept-Encoding": "gzip"}), 200, headers={"Content-Encoding": "gzip"}, given=(LONG,)),
    Example("mixpanel 1.1 no gzip below 1400 bytes", export({"Accept-Encoding": "gzip"}), 200, headers={"Content-Encoding": Is(lambda value: value is None)}, given=(ONE,)),
    Example("mixpanel 1.1 no gzip unless asked", export({"Accept-Encoding": "identity"}), 200, headers={"Content-Encoding": Is(lambda value: value is None)}, given=(LONG,)),
    Example("mixpanel 1.1 no Content-Length of rows", export(), 200, headers={"Content-Length": Is(lambda value: value is None)}, given=(LONG,)),
    *(Example(f"mixpanel 1.1 where {text}", export(where=text), 200, Lines(named(*names)), given=(KINDS,)) for text, names in WHERE.items()),
    *(Example(f"mixpanel 1.1 host {host}", export({"Host": f"{host}.mixpanel.com"}), 200, Lines(named("A")), given=(project(event(), region=region),)) for region, host in {"us": "data", "eu": "data-eu", "in": "data-in"}.items()),
    Example("mixpanel 1.1 wrong residency", export({"Host": "data.mixpanel.com"}), 400, {"request": Text("^/api/2.0/export"), "error": "request failed with error: invalid project id for cluster."}, given=(project(event(), region="eu"),)),
]

CREDENTIALS = [
    Example("mixpanel 1.2 service account in Basic", export(_basic(ACCOUNT)), 200, Lines(named("A")), given=(ONE,)),
    Example("mixpanel 1.2 service account as plain text", export({"Authorization": f"Basic {ACCOUNT}"}), 200, Lines(named("A")), given=(ONE,)),
    Example("mixpanel 1.2 wrong secret", export(_basic("demo.5a4d00.mp-service-account:wrong")), 401, Text("Unauthorized"), given=(ONE,)),
    Example("mixpanel 1.2 no credentials", export({"Authorization": None}), 401, Text("Unauthorized"), given=(ONE,)),
    Example("mixpanel 1.2 project secret until 2027-03-03", export(_basic("s3cret:"), project_id=None), 200, Lines(named("A")), given=(project(event(), secret="s3cret"),)),
    Example("mixpanel 1.2 project secret from 2027-03-03 on", export(_basic("s3cret:"), project_id=None), 401, given=(project(event(), secret="s3cret"), lambda client: client.sandbox.clock.set("2027-03-04T00:00:00Z", freeze=True))),
    Example("mixpanel 1.2 [I] classified data without the permission is refused", export(), 403, given=(project(event(), classified_properties=["ssn"]),)),
    Example("mixpanel 1.2 [I] classified data without the permission is left out", export(), 200, Lines(Each(Has({"properties": Is(lambda found: "ssn" not in found)}))), given=(project(event(properties={"ssn": "1"}), classified_properties=["ssn"], switches={"classified": "reduced"}),)),
]

ANSWERS = [
    Example("mixpanel 1.3 text/plain without a charset", export(), 200, headers={"Content-Type": "text/plain"}, given=(ONE,)),
    Example("mixpanel 1.3 every line ends with a newline", export(), 200, Text("}\n$"), given=(ONE,)),
    Example("mixpanel 1.3 an empty range is zero bytes", export(), 200, b"", {"Content-Length": "0"}, given=(project(),)),
    Example("mixpanel 1.3 raw UTF-8, & as it is", export(), 200, Text("Work, Power & Energy"), given=(project(event(properties={"title": "Work, Power & Energy"})),)),
    Example("mixpanel 1.3 separators that JSON allows are raw", export(), 200, Text("Å\u0085\u2028\u2029"), given=(project(event(properties={"title": "Å\u0085\u2028\u2029"})),)),
    Example("mixpanel 1.3 time, distinct_id, then byte order", export(), 200, Lines([Has({"properties": Is(lambda found: list(found)[:2] == ["time", "distinct_id"] and list(found)[2:] == sorted(list(found)[2:]))})]), given=(project(event(properties={"b": 1, "$a": 1, "B": 1, "é": 1})),)),
    Example("mixpanel 1.3 the order of rows is not that of time", export(project_id="3000002", from_date="2026-06-03", to_date="2026-06-03"), 200, Lines(Is(lambda rows: [row["properties"]["time"] for row in rows] != sorted(row["properties"]["time"] for row in rows)))),
    Example("mixpanel 1.3 data views do not apply", export(workspace_id="1"), 200, Lines(named("A")), given=(ONE,)),
]
# fmt: on
