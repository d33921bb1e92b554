"""The Mixpanel user profiles of the demo shop's customers at a point in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.demo_data.seeded_random import SeededRandom
from mixpanel_aep_sandbox.demo_data.visitors import PEOPLE, person

_DAY_MS = 86_400_000
_OPENED_MS = 1_767_225_600_000
"""2026-01-01 in epoch milliseconds: the first customers signed up on this day."""
_JUNE_MS = 1_780_272_000_000
"""2026-06-01 in epoch milliseconds."""
_DEVICE_PROPERTIES = ("$browser", "$browser_version", "$os", "$manufacturer", "$model")
_INTERESTS = ("Coffee", "Tea", "Mugs", "Gear")


def profiles(now_ms: int) -> Iterator[tuple[str, JsonObject]]:
    """Yield (distinct_id, properties) of each customer who signed up by ``now_ms``, in the order of their numbers.

    ``now_ms`` is in epoch milliseconds.
    """
    for joined_ms, distinct_id, properties in _all_profiles():
        if joined_ms <= now_ms:
            yield distinct_id, properties


@cache
def _all_profiles() -> tuple[tuple[int, str, JsonObject], ...]:
    return tuple(profile for number in range(PEOPLE) if (profile := _profile(number)))


def _profile(number: int) -> tuple[int, str, JsonObject] | None:
    """Return (time of the sign-up in epoch milliseconds, distinct_id, properties), or None for an anonymous visitor."""
    who = person(number)
    if who.joined is None:
        return None
    rng = SeededRandom(f"shop profile {number}")
    day_ms = _JUNE_MS + who.joined * _DAY_MS if who.joined >= 0 else _OPENED_MS + rng.below(150) * _DAY_MS
    joined_ms = day_ms + rng.below(_DAY_MS // 1000) * 1000
    seen_ms = max(joined_ms, _JUNE_MS) + rng.below(_DAY_MS // 1000) * 1000
    properties: JsonObject = {
        "$city": who.place.city,
        "$country_code": who.place.country,
        "$created": _iso(joined_ms),
        "$email": f"{who.user_id}@shop.example.com",
        "$last_seen": _iso(seen_ms),
        "$name": f"Customer {who.user_id}",
        "$region": who.place.region,
        **{name: who.device[name] for name in _DEVICE_PROPERTIES if name in who.device},
        "interests": [word for word in _INTERESTS if rng.chance(400)],
        "newsletter": rng.chance(550),
        "plan": rng.pick(("free", "free", "pro")),
    }
    if rng.chance(300):
        properties["address"] = {"city": who.place.city, "zip": f"{rng.below(10000):04d}"}
    return joined_ms, who.user_id, properties


def _iso(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
