"""Conversion of the demo shop's events to export rows: ids, arrival times, duplicates, and the export's key order."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.demo_data.seeded_random import SeededRandom
from mixpanel_aep_sandbox.demo_data.shop_catalog import PLACES
from mixpanel_aep_sandbox.demo_data.visitors import Person
from mixpanel_aep_sandbox.mixpanel.models.event_rows import Row

_DAY_MS = 86_400_000
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ENDPOINTS = {"web": "api-js.mixpanel.com", "ios": "api.mixpanel.com", "android": "api.mixpanel.com"}


class DayEvents:
    """The export rows of the demo shop on one day, to which the generator adds events.

    ``day`` is the number of days since 1970-01-01; ``rng`` is the day's random number generator.
    """

    def __init__(self, day: int, rng: SeededRandom) -> None:
        self.day, self.rng = day, rng
        self.rows: list[Row] = []

    def add_device_event(
        self, who: Person, event: str, at_ms: int, delay_ms: int, signed_in: bool, own: Mapping[str, object]
    ) -> None:
        """Add an event that a visitor's device sends, unless ``at_ms`` (epoch milliseconds) is not on this day.

        The event arrives ``delay_ms`` after it happened. ``own`` are the event's own properties.
        """
        if at_ms // _DAY_MS != self.day:
            return
        place = who.place
        properties: JsonObject = {
            "distinct_id": who.user_id if signed_in or _is_rewritten(who) else f"$device:{who.device_id}",
            "$city": place.city,
            "$device_id": who.device_id,
            "$mp_api_endpoint": _ENDPOINTS[who.kind],
            "$region": place.region,
            "mp_country_code": place.country,
            **who.device,
            **own,
        }
        if signed_in:
            properties["$user_id"] = who.user_id
        elif _is_rewritten(who):
            properties["$distinct_id_before_identity"] = f"$device:{who.device_id}"
        if not self.rng.chance(3):
            properties["$insert_id"] = _insert_id(who.kind, self.rng)
        self.add(event, at_ms, delay_ms, properties)

    def add(self, event: str, at_ms: int, delay_ms: int, properties: JsonObject) -> None:
        """Add the row of an event, and at random a later duplicate, as clients that repeat a request cause it."""
        rng = self.rng
        arrived = at_ms + delay_ms + rng.between(80, 2400)
        processed = arrived + rng.between(120, 1500)
        self._add_row(event, at_ms, properties, arrived, processed)
        if rng.chance(18):
            again = arrived + rng.pick((2_000, 10_000, 61_000, 5_400_000)) + rng.below(1000)
            if "$city" in properties and rng.chance(170):
                place = rng.pick(PLACES)
                properties = {**properties, "$city": place.city, "$region": place.region}
            self._add_row(event, at_ms, properties, again, again + rng.between(120, 1500))

    def _add_row(self, event: str, at_ms: int, own: JsonObject, arrived: int, processed: int) -> None:
        rest = {**own, "$mp_api_timestamp_ms": arrived, "mp_processing_time_ms": processed}
        distinct_id = rest.pop("distinct_id")
        # An approximate size without Mixpanel's own properties: tests need the property, not its exact value.
        rest["$mp_event_size"] = 120 + 28 * len(own)
        properties = {"time": at_ms // 1000, "distinct_id": distinct_id}
        # Python sorts texts by code point, which is also the order of their bytes in UTF-8.
        properties.update(sorted(rest.items()))
        text = _encode({"event": event, "properties": properties})
        self.rows.append(
            Row(
                day=self.day,
                visible_ms=processed,
                processed_ms=processed,
                event=event,
                distinct_id=distinct_id,
                insert_id=own.get("$insert_id", ""),
                time_ms=at_ms,
                line=text.encode(),
            )
        )


def _is_rewritten(who: Person) -> bool:
    """Return whether Mixpanel has replaced the visitor's device id by the user id in events from before the sign-up."""
    return who.merged and who.joined is not None


def _insert_id(kind: str, rng: SeededRandom) -> str:
    if kind == "web":
        return rng.base36(16)
    return rng.uuid().upper() if kind == "ios" else rng.hex(16)
