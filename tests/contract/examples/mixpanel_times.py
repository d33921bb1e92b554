"""Mixpanel's times, types and sample lines (sections 2.1 to 3.3, and 7)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from mixpanel_aep_sandbox import demo_data as data
from tests.contract.documented_client import DocumentedClient
from tests.contract.example import Each, Example, Has, Is, Lines, Preparation, Text
from tests.contract.examples.mixpanel_export import event, export, project

WORKED: list[tuple[str, str, int, int, str, str]] = [
    # instant, zone, time (utc), time (project_local), day (utc), day (project_local)
    ("2026-07-01T12:00:00Z", "America/Los_Angeles", 1782907200, 1782882000, "2026-07-01", "2026-07-01"),
    ("2026-01-01T08:00:00Z", "America/Los_Angeles", 1767254400, 1767225600, "2026-01-01", "2026-01-01"),
    ("2026-01-01T07:59:59Z", "America/Los_Angeles", 1767254399, 1767225599, "2026-01-01", "2025-12-31"),
    ("2026-12-31T23:30:00Z", "America/New_York", 1798759800, 1798741800, "2026-12-31", "2026-12-31"),
    ("2026-06-30T22:30:00Z", "Europe/Berlin", 1782858600, 1782865800, "2026-06-30", "2026-07-01"),
    ("2026-01-15T12:00:00Z", "Asia/Kolkata", 1768478400, 1768498200, "2026-01-15", "2026-01-15"),
    ("2026-03-08T09:59:59Z", "America/Los_Angeles", 1772963999, 1772935199, "2026-03-08", "2026-03-08"),
    ("2026-03-08T10:00:00Z", "America/Los_Angeles", 1772964000, 1772938800, "2026-03-08", "2026-03-08"),
    ("2026-11-01T08:30:00Z", "America/Los_Angeles", 1793521800, 1793496600, "2026-11-01", "2026-11-01"),
    ("2026-11-01T09:30:00Z", "America/Los_Angeles", 1793525400, 1793496600, "2026-11-01", "2026-11-01"),
]


def _later(client: DocumentedClient) -> None:
    client.sandbox.clock.set("2027-01-02T12:00:00Z", freeze=True)


def _worked() -> list[Example]:
    pairs = []
    for instant, zone, utc, local, utc_day, local_day in WORKED:
        for time_is, stored, day, other in (
            ("utc", utc, utc_day, local_day),
            ("project_local", local, local_day, utc_day),
        ):
            given = (_later, project(event(at=instant), timezone=zone, time_is=time_is))
            one = Lines([Has({"properties": Has({"time": stored})})])
            asked = export(from_date=day, to_date=day)
            pairs.append(Example(f"mixpanel 2.3 {instant} {zone} {time_is}", asked, 200, one, given=given))
            if day != other:
                asked = export(from_date=other, to_date=other)
                pairs.append(Example(f"mixpanel 2.3 {instant} not on {other}", asked, 200, b"", given=given))
    return pairs


STRING, NUMBER, WHOLE, TRUTH = (str,), (int, float), (int,), (bool,)
TYPES: dict[tuple[type, ...], str] = {
    STRING: "distinct_id $insert_id $device_id $user_id $distinct_id_before_identity $identified_id $anon_id"
    " $city $region mp_country_code $mp_api_endpoint mp_lib $lib_version mp_sent_by_lib_version $browser"
    " $current_url $referrer $initial_referrer $referring_domain $initial_referring_domain $search_engine"
    " mp_keyword utm_source utm_medium utm_campaign utm_content utm_term $device $os $os_version"
    " $app_build_number $app_version_string $app_release $app_version $manufacturer $brand $model $carrier"
    " $radio $bluetooth_version current_page_title mp_original_distinct_id mp_original_event_name $source"
    " $warehouse_type $warehouse_table $warehouse_import_job_id $warehouse_import_run_id",
    WHOLE: "time mp_processing_time_ms $mp_api_timestamp_ms $mp_event_size $screen_height $screen_width"
    " $screen_dpi $warehouse_import_id",
    NUMBER: "$duration $ae_session_length $duration_s $event_count",
    TRUTH: "$import $is_reshuffled $wifi $bluetooth_enabled $has_nfc $has_telephone"
    " $had_persisted_distinct_id $mp_autocapture",
}
NOT_EXPORTED = {"ip", "token", "$event_name", "$time", "$distinct_id", "$ignore", "bucket", "$bucket"}


def typed_as_documented(row: dict[str, Any]) -> bool:
    properties = row["properties"]
    wrong = [
        name
        for types, names in TYPES.items()
        for name in names.split()
        if name in properties and type(properties[name]) not in types
    ]
    return not wrong and not NOT_EXPORTED & properties.keys()


SAMPLES = data.HOSTILE_EVENTS.read_bytes().split(b"\n")[:-1]
"""The sample lines; their hash, below, is what was documented."""
SAMPLES_SHA256 = "1cc093f5316aaef0afecb3d5b9f71c0703e4428662ed08f744800bf57b50d7e2"
WIDE = {"from_date": "2025-01-01", "to_date": "2026-07-02"}


def _put_in(line: bytes) -> Preparation:
    def prepare(client: DocumentedClient) -> None:
        project()(client)
        sandbox: Any = client.sandbox
        sandbox.add_events(int(client.names["project"]), lines=[line.decode()])

    return prepare


def samples_sha256() -> str:
    return sha256(data.HOSTILE_EVENTS.read_bytes()).hexdigest()


# A row is a line.
# fmt: off
TIMES = [
    Example("mixpanel 2.1 mp_processing_time_ms is never shifted", export(), 200, Lines([Has({"properties": Has({"time": 1782882000, "mp_processing_time_ms": 1782907201000})})]), given=(project(event(processed_at="2026-07-01T12:00:01Z"), timezone="America/Los_Angeles", time_is="project_local"),)),
    Example("mixpanel 2.1 an ISO property is a plain text", export(), 200, Lines([Has({"properties": Has({"due": "2026-07-01T12:01:40"})})]), given=(project(event(properties={"due": "2026-07-01T12:01:40"}), timezone="Europe/Berlin", time_is="project_local"),)),
    Example(
        "mixpanel 2.1 changing the zone rewrites no row",
        export(),
        200,
        Lines([Has({"properties": Has({"time": 1782882000})})]),
        given=(project(event(), timezone="America/Los_Angeles", time_is="project_local"), lambda client: client.sandbox.control("POST", "/mixpanel/projects", json={"id": int(client.names["project"]), "timezone": "Europe/Berlin"}) and None),
    ),
    Example("mixpanel 2.2 Adobe's tutorial, row 1", export(project_id="2671127", from_date="2022-05-17", to_date="2022-05-17"), 200, Lines(Has([Has({"properties": Has({"time": 1652825148, "$mp_api_timestamp_ms": 1652850348643})})]))),
    Example("mixpanel 2.2 Adobe's tutorial, row 2", export(project_id="2671127", from_date="2022-05-13", to_date="2022-05-13"), 200, Lines(Has([Has({"properties": Has({"time": 1652423938, "$mp_api_timestamp_ms": 1652449138115})})]))),
    *_worked(),
]

SHAPES = [
    *(Example(f"mixpanel 3.1 types in project {number}", export(project_id=number, **days), 200, Lines(Each(Is(typed_as_documented)))) for number, days in {"3000001": WIDE, "2671127": {"from_date": "2022-01-01"}, "3000002": {"from_date": "2026-06-08", "to_date": "2026-06-08"}}.items()),
    *(
        Example(f"mixpanel 3.3 {what}", export(), 200, Text(text), given=(project({"line": f'{{"event":"A","properties":{{"time":1782907200,{line}}}}}', "at": "2026-07-01T12:00:00Z"}),))
        for what, line, text in (
            ("a number of 19 digits", '"id":3928097563762691601', r'"id":3928097563762691601\}'),
            ("a number beyond 64 bits", '"id":123456789012345678901234567890', r'"id":123456789012345678901234567890\}'),
            ("null", '"x":null', r'"x":null\}'),
            ("a mixed list", '"x":["a",3,true]', r'"x":\["a",3,true\]'),
            ("names that differ in case", '"Id":"A","id":1', r'"Id":"A","id":1\}'),
            ("5.0 is not 5", '"x":5.0', r'"x":5\.0\}'),
            ("an empty name", '"":1', r'"":1\}'),
        )
    ),
    *(Example(f"mixpanel 7 sample line {number}, byte for byte", export(**WIDE), 200, line + b"\n", given=(_put_in(line),)) for number, line in enumerate(SAMPLES, 1)),
    Example("mixpanel 7 all sample lines", export(project_id="3000001", **WIDE), 200, Lines(Is(lambda rows: len(rows) == 12))),
    *(
        Example(f"mixpanel 7 body of {what}", export(), status, body, given=given)
        for what, status, body, given in (
            ("an empty day", 200, b"", (project(),)),
            ("too early", 400, b'{"error":"to_date cannot be later than today"}', (project(), lambda client: client.sandbox.clock.set("2026-06-30T23:00:00Z", freeze=True))),
            ("busy", 429, b'{"error":"too many export requests in progress for this project"}', (project(limits={"enabled": True, "concurrent": 0}),)),
        )
    ),
]
# fmt: on
