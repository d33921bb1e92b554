"""The demo shop's visitors: their identities, devices, and sign-ups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.demo_data import shop_catalog as catalog
from mixpanel_aep_sandbox.demo_data.seeded_random import SeededRandom

PEOPLE = 4000
"""Number of visitors of the shop; their numbers are 0 to 3999."""
LAST_DAY = 31
"""The last day of the shop's events, in days since 2026-06-01."""

Kind = Literal["web", "ios", "android"]
_KINDS: tuple[Kind, ...] = ("web", "web", "web", "web", "web", "web", "ios", "ios", "ios", "android")


@dataclass(frozen=True)
class Person:
    """A visitor of the demo shop."""

    number: int
    kind: Kind
    device_id: str
    user_id: str
    joined: int | None
    """Day of the sign-up, in days since 2026-06-01; -1: earlier than that; None: the visitor never signs up."""
    merged: bool
    """Whether Mixpanel has replaced the device id by the user id in events from before the sign-up."""
    place: catalog.Place
    device: JsonObject
    """Properties that the Mixpanel SDK on the visitor's device sends with every event."""


@cache
def person(number: int) -> Person:
    """Return the visitor with this number (0 to ``PEOPLE`` - 1); the same number always gives the same visitor."""
    rng = SeededRandom(f"shop person {number}")
    kind = rng.pick(_KINDS)
    percent = rng.below(100)
    joined = -1 if percent < 35 else rng.between(0, LAST_DAY) if percent < 55 else None
    return Person(
        number=number,
        kind=kind,
        device_id=_device_id(kind, rng),
        user_id=f"u-{10_000 + number}",
        joined=joined,
        merged=rng.chance(700),
        place=rng.pick(catalog.PLACES),
        device=_DEVICES[kind](rng),
    )


@cache
def visitors_joining_on(day: int) -> tuple[int, ...]:
    """Return the numbers of the visitors who sign up on this day, in days since 2026-06-01."""
    return tuple(number for number in range(PEOPLE) if person(number).joined == day)


def _device_id(kind: Kind, rng: SeededRandom) -> str:
    if kind == "web":
        start = rng.hex(13)
        return f"{start}-{rng.hex(15)}-26011f51-1fa400-{start}{rng.hex(1)}"
    return rng.uuid().upper() if kind == "ios" else rng.uuid()


def _web(rng: SeededRandom) -> JsonObject:
    """Return the event properties of a random browser."""
    browser, version = rng.pick(catalog.BROWSERS)
    # Older versions of Mixpanel's library send the browser's version as a text.
    old = rng.chance(80)
    library = "2.45.0" if old else "2.65.0"
    return {
        "$browser": browser,
        "$browser_version": f"{version}.0" if old else version,
        "$initial_referrer": "$direct",
        "$initial_referring_domain": "$direct",
        "$lib_version": library,
        "$os": rng.pick(catalog.SYSTEMS),
        "$screen_height": rng.pick((1080, 900, 1440, 844)),
        "$screen_width": rng.pick((1920, 1440, 2560, 390)),
        "mp_lib": "web",
        "mp_sent_by_lib_version": library,
    }


def _ios(rng: SeededRandom) -> JsonObject:
    """Return the event properties of a random iPhone or iPad."""
    model, height, width = rng.pick(catalog.IOS_MODELS)
    return {
        "$app_build_number": str(rng.between(400, 420)),
        "$app_version_string": rng.pick(("5.3.1", "5.4.0", "Unknown")),
        "$carrier": rng.pick(catalog.CARRIERS),
        "$lib_version": "5.1.0",
        "$manufacturer": "Apple",
        "$model": model,
        "$os": "iOS",
        "$os_version": rng.pick(("18.5", "17.7.1", "26.0")),
        "$radio": "LTE",
        "$screen_height": height,
        "$screen_width": width,
        "$wifi": rng.chance(600),
        "mp_lib": "swift",
    }


def _android(rng: SeededRandom) -> JsonObject:
    """Return the event properties of a random Android phone."""
    model, maker, height, width = rng.pick(catalog.ANDROID_MODELS)
    return {
        "$app_build_number": str(rng.between(5000, 5010)),
        "$app_version_string": rng.pick(("1.5.6", "1.6.0")),
        "$bluetooth_enabled": rng.chance(400),
        "$bluetooth_version": "ble",
        "$brand": maker,
        "$carrier": rng.pick(catalog.CARRIERS),
        "$google_play_services": rng.pick(("available", True)),
        "$had_persisted_distinct_id": False,
        "$has_nfc": rng.chance(700),
        "$lib_version": "8.2.0",
        "$manufacturer": maker,
        "$model": model,
        "$os": "Android",
        "$os_version": rng.pick(("11", "14", "15")),
        "$screen_dpi": rng.pick((320, 420, 480)),
        "$screen_height": height,
        "$screen_width": width,
        "$wifi": rng.chance(600),
        "mp_lib": "android",
    }


_DEVICES = {"web": _web, "ios": _ios, "android": _android}
