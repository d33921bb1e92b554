"""The Mixpanel source: connections, mapping set and dataflow, as the tutorial makes them (aep 1.3 and 1.6)."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from mixpanel_aep_sandbox.client import MixpanelSandbox
from tests.contract.aep_calls import sent
from tests.contract.documented_client import DocumentedClient
from tests.contract.example import Call, Each, Example, Has, Is, Preparation, Text
from tests.contract.examples.dataprep import SETS, mapping

BASE = "/data/foundation/flowservice"
MIXPANEL, LAKE = "fd2c8ff3-1de0-4f6b-8fa8-4264784870eb", "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
FLOW_SPEC = "6499120c-0b15-42dc-936e-847ea3c24d72"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
MADE = Has({"id": Text(f"^{UUID}$"), "etag": Text(r'^"')})
DAY = 86400
START = 1782993600  # The client's current time.


def spec(number: str) -> dict[str, str]:
    return {"id": number, "version": "1.0"}


def base_connection(secret: str = "demo-secret-not-real-0000", **more: Any) -> Call:
    auth = {
        "specName": "Basic Authentication",
        "params": {"username": "demo.5a4d00.mp-service-account", "password": secret},
    }
    return Call(
        "POST",
        f"{BASE}/connections",
        json={
            "name": "Mixpanel base connection",
            "description": "d",
            "connectionSpec": spec(MIXPANEL),
            "auth": auth,
            **more,
        },
    )


def source_connection(**more: Any) -> Call:
    body = {
        "name": "Mixpanel source",
        "description": "d",
        "baseConnectionId": "<base>",
        "connectionSpec": spec(MIXPANEL),
        "data": {"format": "json"},
    }
    return Call(
        "POST",
        f"{BASE}/sourceConnections",
        json=body | {"params": {"projectId": "<project>", "timezone": "Pacific Standard Time"}} | more,
    )


def target_connection(connection_spec: str = LAKE, **more: Any) -> Call:
    body = {
        "name": "Mixpanel target",
        "description": "d",
        "connectionSpec": spec(connection_spec),
        "data": {"format": "json"},
        "params": {"dataSetId": "<dataset>"},
    }
    return Call("POST", f"{BASE}/targetConnections", json=body | more)


def flow(schedule: dict[str, Any] | None = None, mode: dict[str, str] | None = None, **more: Any) -> Call:
    body = {
        "name": "Mixpanel dataflow", "description": "d", "flowSpec": spec(FLOW_SPEC), "sourceConnectionIds": ["<source>"], "targetConnectionIds": ["<target>"],
        "transformations": [{"name": "Mapping", "params": {"mappingId": "<mapping>", "mappingVersion": "0"}}],
        "scheduleParams": {"startTime": str(START), "frequency": "minute", "interval": 15} if schedule is None else schedule,
    }  # fmt: skip
    return Call("POST", f"{BASE}/flows", mode or {}, json=body | more)


def project(client: DocumentedClient) -> None:
    """Create a project whose clock is Pacific time, with two events of the day before."""
    mixpanel = MixpanelSandbox(client.sandbox.url)
    number = mixpanel.add_project(timezone="America/Los_Angeles")
    events = [
        {
            "event": "Buy",
            "properties": {"distinct_id": "ann", "$insert_id": f"i{n}", "item_id": 7},
            "at": f"2026-07-01T1{n}:00:00Z",
        }
        for n in (1, 2)
    ]
    mixpanel.add_events(number, *events)
    client.names["project"] = str(number)


def based(client: DocumentedClient) -> None:
    project(client)
    client.names["base"] = client.fine(base_connection())["id"]


MAPPINGS = [
    mapping("properties.$insert_id", "_id", "ATTRIBUTE"),
    mapping("""dformat(properties.time * 1000, "yyyy-MM-dd'T'HH:mm:ss.SSSX")""", "timestamp"),
    mapping("event", "_acmesandbox.text", "ATTRIBUTE"),
]


def chain(client: DocumentedClient) -> None:
    """Create everything that a dataflow needs."""
    based(client)
    sandbox: Any = client.sandbox
    client.names["schema"] = sandbox.add_schema({"text": {"type": "string"}, "count": {"type": "integer"}})
    client.names["dataset"] = sandbox.add_dataset(schema=client.names["schema"])
    client.names["source"] = client.fine(source_connection())["id"]
    client.names["target"] = client.fine(target_connection())["id"]
    body = {"version": 0, "xdmSchema": "<schema>", "xdmVersion": "1.0", "id": None, "mappings": MAPPINGS}
    client.names["mapping"] = client.fine(Call("POST", SETS, json=body))["id"]


def flowing(schedule: dict[str, Any] | None = None, **more: Any) -> Preparation:
    def prepare(client: DocumentedClient) -> None:
        chain(client)
        made = client.fine(flow(schedule, **more))
        client.names |= {"flow": made["id"], "etag": made["etag"]}

    return prepare


def explore(**more: Any) -> Call:
    return Call(
        "GET",
        f"{BASE}/connections/<base>/explore",
        {
            "objectType": "rest",
            "object": "json",
            "fileType": "json",
            "preview": "true",
            "sourceParams": "<params>",
            **more,
        },
    )


def with_params(timezone: str = "Pacific Standard Time") -> Preparation:
    def prepare(client: DocumentedClient) -> None:
        based(client)
        asked = {"projectId": client.names["project"], "timezone": timezone}
        client.names["params"] = b64encode(json.dumps(asked).encode()).decode()

    return prepare


def change(op: str, path: str, *value: Any, what: str = "flows/<flow>", etag: str | None = "<etag>") -> Call:
    body = [{"op": op, "path": path} | ({"value": value[0]} if value else {})]
    return Call("PATCH", f"{BASE}/{what}", json=body, headers={"If-Match": etag})


def act(op: str) -> Call:
    return Call("POST", f"{BASE}/flows/<flow>/action", {"op": op})


def base_etag(client: DocumentedClient) -> None:
    based(client)
    client.names["etag"] = client.fine(Call("GET", f"{BASE}/connections/<base>"))["items"][0]["etag"]


SHOW = Call("GET", f"{BASE}/flows/<flow>")
ONCE = {"startTime": str(START), "frequency": "once"}
DAILY = {"startTime": str(START), "frequency": "day", "interval": 1}
FLOW = flowing()


def shows(**more: Any) -> Has:
    return Has({"items": [Has(more)]})


# A row is a line.
# fmt: off
SOURCES = [
    Example("aep 1.3 a base connection", base_connection(), 201, MADE),
    Example("aep 1.3 a base connection with a host, as in the beta", base_connection(auth={"specName": "Basic Authentication", "params": {"username": "u", "password": "p", "host": "https://data.mixpanel.com"}}), 201, MADE),
    Example("aep 1.3 a base connection of no specification", base_connection(connectionSpec=spec("00000000-0000-0000-0000-000000000000")), 400),
    Example("aep 1.3 a base connection without a name", base_connection(name=None), 400),
    Example("aep 1.3 a connection is tested", Call("GET", f"{BASE}/connections/<base>/test"), 200, given=(based,)),
    Example("aep 1.3 a connection with a wrong password is tested", Call("GET", f"{BASE}/connections/<base>/test"), 200, {"result": False}, given=(based, lambda client: client.names.update(base=client.fine(base_connection("wrong"))["id"]))),
    Example("aep 1.3 the password is not shown", Call("GET", f"{BASE}/connections/<base>"), 200, Is(lambda found: "demo-secret" not in str(found)), given=(based,)),
    Example("aep 1.3 connection specifications", Call("GET", f"{BASE}/connectionSpecs/{MIXPANEL}"), 200, Has({"items": [Has({"id": MIXPANEL, "version": "1.0"})]})),
    Example("aep 1.3 flow specifications", Call("GET", f"{BASE}/flowSpecs/{FLOW_SPEC}"), 200, Has({"items": [Has({"id": FLOW_SPEC, "version": "1.0"})]})),
    Example("aep 1.3 explore", explore(), 200, Has({"format": "hierarchical", "schema": Has({"type": "object", "properties": Has({"event": Has({"type": "string"}), "properties": Has({"type": "object", "properties": Has({"$insert_id": Has({"type": "string"}), "time": Has({"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740991})})})})}), "data": Each(Has({"event": "Buy", "properties": dict}))}), given=(with_params(),)),
    Example("aep 1.3 explore in another zone [I]", explore(), 400, given=(with_params("W. Europe Standard Time"),)),
    Example("aep 1.3 explore in another zone is not looked at [I]", explore(), 200, settings={"flow_explore_checks_zone": False}, given=(with_params("W. Europe Standard Time"),)),
    Example("aep 1.3 explore knows only json", explore(fileType="delimited"), 400, given=(with_params(),)),
    Example("aep 1.3 explore without a project, as the page's sample value", explore(sourceParams="eyJsaXN0SWQiOiIxMGMwOTdjYTcxIn0="), 400, given=(with_params(),)),
    Example("aep 1.3 a source connection", source_connection(), 201, MADE, given=(based,)),
    Example("aep 1.3 a source connection of no base", source_connection(baseConnectionId="00000000-0000-0000-0000-000000000000"), 404, given=(project,)),
    Example("aep 1.3 a source connection in another format", source_connection(data={"format": "delimited"}), 400, given=(based,)),
    *(Example(f"aep 1.3 a target connection, specification {number}", target_connection(number), 201, MADE, given=(chain,)) for number in (LAKE, MIXPANEL)),
    Example("aep 1.3 a target connection with a schema", target_connection(data={"format": "parquet_xdm", "schema": {"id": "<schema>", "version": "application/vnd.adobe.xed-full+json;version=1"}}), 201, MADE, given=(chain,)),
    Example("aep 1.3 a dataflow", flow(), 201, MADE, given=(chain,)),
    *(Example(f"aep 1.3 every {interval} {frequency}", flow({"startTime": str(START), "frequency": frequency, "interval": interval}), status, given=(chain,)) for frequency, interval, status in (("minute", 15, 201), ("minute", 14, 400), ("hour", 1, 201), ("day", 1, 201), ("week", 1, 201), ("month", 1, 400), ("day", 0, 400))),
    *(Example(f"aep 1.3 by the tutorial, every {interval} {frequency}", flow({"startTime": str(START), "frequency": frequency, "interval": interval}), status, settings={"flow_schedule_rules": "tutorial"}, given=(chain,)) for frequency, interval, status in (("minute", 15, 201), ("day", 15, 201), ("day", 1, 400))),
    Example("aep 1.3 once", flow(ONCE), 201, MADE, given=(chain,)),
    Example("aep 1.3 once has no interval", flow({**ONCE, "interval": 15}), 400, given=(chain,)),
    Example("aep 1.3 backfill", flow({**DAILY, "backfill": "true"}), 201, given=(chain,)),
    Example("aep 1.3 the tutorial's startTime, which has passed", flow({"startTime": "1625040887", "frequency": "minute", "interval": 15}), 201, given=(chain,)),
    Example("aep 1.3 a startTime that has passed, by the UI's tutorial", flow({"startTime": "1625040887", "frequency": "minute", "interval": 15}), 400, settings={"flow_start_in_past": "refuse"}, given=(chain,)),
    Example("aep 1.3 options", flow(options={"errorDiagnosticsEnabled": True, "partialIngestionPercent": 5}), 201, given=(chain,)),
    Example("aep 1.3 a mapping set that is not there", flow(transformations=[{"name": "Mapping", "params": {"mappingId": "0" * 32, "mappingVersion": "0"}}]), 400, given=(chain,)),
]

OPERATING = [
    Example("aep 1.6 a dataflow", SHOW, 200, shows(id="<flow>", state="enabled", version="<etag>", etag="<etag>", scheduleParams=Has({"frequency": "minute", "interval": Is(lambda found: str(found) == "15")}), transformations=list, inheritedAttributes=dict, lastOperation=dict), given=(FLOW,)),
    *(Example(f"aep 1.6 PATCH {path}", change("replace", path, value), 200, Has({"id": "<flow>", "etag": Is(str)}), given=(FLOW,)) for path, value in {"/scheduleParams/frequency": "day", "/name": "New", "/description": "New"}.items()),
    Example("aep 1.6 PATCH of the mapping", change("replace", "/transformations/0", {"name": "Mapping", "params": {"mappingId": "<mapping>", "mappingVersion": "0"}}), 200, given=(FLOW,)),
    Example("aep 1.6 PATCH without If-Match", change("replace", "/name", "New", etag=None), 400, given=(FLOW,)),
    Example("aep 1.6 PATCH of another state", change("replace", "/name", "New", etag='"00000000-0000-0000-0000-000000000000"'), 412, given=(FLOW,)),
    Example("aep 1.6 a new etag", SHOW, 200, shows(name="New", etag=Is(str)), given=(FLOW, sent(change("replace", "/name", "New")))),
    Example("aep 1.6 startTime once it has passed", change("replace", "/scheduleParams/startTime", str(START + DAY)), 400, given=(FLOW, lambda client: client.sandbox.clock.advance(60))),
    Example("aep 1.6 a one-time dataflow is not scheduled again", change("replace", "/scheduleParams/frequency", "day"), 400, given=(flowing(ONCE),)),
    *(Example(f"aep 1.6 {op}", act(op), 200, Has({"id": "<flow>", "etag": str}), given=(FLOW,)) for op in ("DISABLE", "disable")),
    *(Example(f"aep 1.6 after {ops}", SHOW, 200, shows(state=state), given=(FLOW, sent(*map(act, ops.split())))) for ops, state in {"DISABLE": "disabled", "DISABLE ENABLE": "enabled"}.items()),
    Example("aep 1.6 a draft is published", act("PUBLISH"), 200, given=(flowing(mode={"mode": "draft"}),)),
    Example("aep 1.6 an account's name", change("replace", "/name", "New", what="connections/<base>"), 200, Has({"id": "<base>", "etag": str}), given=(base_etag,)),
    Example("aep 1.6 an account's password", change("replace", "/auth/params", {"username": "u", "password": "p"}, what="connections/<base>"), 200, given=(base_etag,)),
    Example("aep 1.6 an account's description", change("add", "/description", "New", what="connections/<base>"), 200, given=(base_etag,)),
    Example("aep 1.6 a dataflow is deleted", Call("DELETE", f"{BASE}/flows/<flow>"), 204, b"", given=(FLOW,)),
    Example("aep 1.6 a dataflow after that", SHOW, 404, given=(FLOW, sent(Call("DELETE", f"{BASE}/flows/<flow>")))),
    Example("aep 1.6 an account is deleted", Call("DELETE", f"{BASE}/connections/<base>"), 204, b"", given=(based,)),
]
# fmt: on
