"""Events that the demo shop's servers send: order confirmations, events at day boundaries, and late imports."""

from __future__ import annotations

from datetime import UTC, datetime

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.demo_data.day_events import DayEvents
from mixpanel_aep_sandbox.demo_data.visitors import PEOPLE, Person, person

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_PYTHON = {"$lib_version": "5.1.0", "$mp_api_endpoint": "api.mixpanel.com", "mp_lib": "python"}


def add_confirmation(day_events: DayEvents, who: Person, at_ms: int, order_id: int, cents: int) -> None:
    """Add the server's event for a purchase, without properties of a device or a place.

    ``at_ms``: time of the event in epoch milliseconds; an event on another day is not added. ``cents``: the amount.
    """
    if at_ms // _DAY_MS != day_events.day:
        return
    properties: JsonObject = {
        "distinct_id": who.user_id,
        "$insert_id": day_events.rng.hex(32),
        "amount": cents,
        "currency": "EUR",
        "invoice_date": datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "order_id": order_id,
        **_PYTHON,
    }
    day_events.add("Order Confirmed", at_ms, 0, properties)


def add_edge_events(day_events: DayEvents) -> None:
    """Add one event in the first and one in the last second of the day, to detect errors at day boundaries."""
    for name, at_ms in (
        ("Day Opened", day_events.day * _DAY_MS),
        ("Day Closed", (day_events.day + 1) * _DAY_MS - 1000),
    ):
        own = {"distinct_id": "shop-server", "$insert_id": day_events.rng.hex(32), "note": "", **_PYTHON}
        day_events.add(name, at_ms, 0, own)


def add_imported_orders(day_events: DayEvents) -> None:
    """Add orders that an old system sends to ``/import`` in the next night or weeks later."""
    rng = day_events.rng
    for _ in range(rng.between(30, 50)):
        at_ms = day_events.day * _DAY_MS + rng.below(_DAY_MS // 1000) * 1000
        next_night = (day_events.day + 1) * _DAY_MS + 3 * _HOUR_MS - at_ms + rng.below(60_000)
        weeks_later = rng.between(20, 60) * _DAY_MS
        user = person(rng.below(PEOPLE)).user_id
        properties: JsonObject = {
            "distinct_id": user,
            "$device_id": "erp-node-3",
            "$import": True,
            "$insert_id": rng.uuid(),
            "$mp_api_endpoint": "api.mixpanel.com",
            "$user_id": user,
            "big": 3_900_000_000_000_000_000 + rng.bits(60),
            "note": rng.pick(("", "ok", "påfyll", None)),
            "shipping": {"address": {"city": rng.pick(("Oslo", "Köln")), "zip": f"{rng.below(10000):04d}"}},
        }
        day_events.add("Order Synced", at_ms, weeks_later if rng.chance(100) else next_night, properties)
