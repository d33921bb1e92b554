"""A made-up web shop's events: 2026-06-01 to 2026-07-02, about 5,000 a day, each day generated separately.

The bytes are the same on every computer: random numbers derive from a name (``SeededRandom``), not from the clock.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.demo_data import server_events as backend
from mixpanel_aep_sandbox.demo_data import shop_catalog as catalog
from mixpanel_aep_sandbox.demo_data.day_events import DayEvents
from mixpanel_aep_sandbox.demo_data.seeded_random import SeededRandom
from mixpanel_aep_sandbox.demo_data.visitors import PEOPLE, Person, person, visitors_joining_on
from mixpanel_aep_sandbox.mixpanel.models.event_rows import Row

FIRST_DAY = date(2026, 6, 1)
LAST_DAY = date(2026, 7, 2)

_EPOCH = date(1970, 1, 1)
_FIRST = (FIRST_DAY - _EPOCH).days
_LAST = (LAST_DAY - _EPOCH).days
_HOURS = (
    0,
    1,
    5,
    6,
    7,
    7,
    8,
    8,
    9,
    9,
    10,
    11,
    12,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    18,
    19,
    19,
    20,
    20,
    20,
    21,
    21,
    22,
    23,
)
_HOUR_MS = 3_600_000


@lru_cache(maxsize=6)
def rows(day: int, copy: int = 0) -> list[Row]:
    """Return the rows of a day (days since 1970), in the order of events; empty outside the shop's time.

    ``copy``: the number of a further copy of the day's visits, by the same people, for a shop with more traffic.
    """
    if not _FIRST <= day <= _LAST:
        return []
    rng = SeededRandom(f"shop day {day} copy {copy}" if copy else f"shop day {day}")
    day_events = DayEvents(day, rng)
    visits = 405 + (35 if (day + 3) % 7 < 5 else -5) + rng.below(30)
    today = day - _FIRST
    newcomers = () if copy else visitors_joining_on(today)
    for number in newcomers:
        _visit(day_events, person(number), today, signs_up=True)
    for _ in range(visits - len(newcomers)):
        who = person(rng.below(PEOPLE))
        if who.joined != today:
            _visit(day_events, who, today, signs_up=False)
    backend.add_edge_events(day_events)
    backend.add_imported_orders(day_events)
    day_events.rows.sort(key=lambda row: row.time_ms)
    return day_events.rows


class _Session:
    """One visit: time passes with every event."""

    def __init__(self, day_events: DayEvents, who: Person, known: bool) -> None:
        rng = day_events.rng
        self.day_events, self.who, self.known = day_events, who, known
        self.at_ms = day_events.day * 24 * _HOUR_MS + rng.pick(_HOURS) * _HOUR_MS + rng.below(_HOUR_MS)
        self.start_ms = self.at_ms
        self.delay_ms = _arrival_delay_ms(rng) if who.kind != "web" else 0

    def send(self, event: str, **own: object) -> None:
        self.day_events.by_person(self.who, event, self.at_ms, self.delay_ms, self.known, own)
        self.at_ms += self.day_events.rng.between(900, 75_000)


def _arrival_delay_ms(rng: SeededRandom) -> int:
    """Return the delay of an event's arrival in milliseconds: a phone without a network keeps events for at most five days."""
    if rng.chance(60):
        return rng.between(_HOUR_MS, 5 * 24 * _HOUR_MS - 60_000)
    return rng.pick((0, 0, 0, 10_000, 37_000))


def _visit(day_events: DayEvents, who: Person, today: int, *, signs_up: bool) -> None:
    rng = day_events.rng
    known = not signs_up and who.joined is not None and who.joined < today
    session = _Session(day_events, who, known)
    _open(session)
    cart: list[JsonObject] = []
    cents = 0
    for _ in range(rng.between(2, 7)):
        product = rng.pick(catalog.PRODUCTS)
        page(session, f"/p/{product.sku.lower()}", product.name)
        session.send("Product Viewed", **_product(session, product))
        if rng.chance(230):
            quantity = rng.between(1, 3)
            session.send("Added to Cart", quantity=quantity, **_product(session, product))
            cart.append(_line(session, product, quantity))
            cents += product.cents * quantity
    if rng.chance(250):
        session.send("Searched", query=rng.pick(catalog.SEARCHES), results=rng.below(30))
    if signs_up:
        session.known = True
        session.send("Signed Up", method=rng.pick(("email", "google", "apple")), plan="free", referrer=None)
    elif known and rng.chance(300):
        session.send("Logged In", remember=_boolean_as_tracked(session, True))
    if cart and session.known:
        _buy(session, cart, cents)
    _close(session)


def _open(session: _Session) -> None:
    if session.who.kind == "web":
        page(session, "/", "Kaffe – “Mørk” ☕")  # noqa: RUF001
    else:
        session.send("App Opened", notifications=_boolean_as_tracked(session, session.who.number % 2 == 0))


def page(session: _Session, path: str, title: str) -> None:
    """Add a page view, which only the web library sends, automatically."""
    if session.who.kind != "web":
        return
    campaign = session.day_events.rng.pick(catalog.CAMPAIGNS)
    search = f"?utm_source={campaign}" if campaign else ""
    own: JsonObject = {
        "$current_url": f"https://shop.example.com{path}{search}",
        "$mp_autocapture": True,
        "current_domain": "shop.example.com",
        "current_page_title": title,
        "current_url_path": path,
        "current_url_search": search,
    }
    if campaign:
        own["utm_source"] = campaign
    session.send("$mp_web_page_view", **own)


def _buy(session: _Session, cart: list[JsonObject], cents: int) -> None:
    rng = session.day_events.rng
    session.send("Checkout Started", items=len(cart))
    if not rng.chance(650):
        return
    # Larger than 2**53: a reader that converts it to a JavaScript number changes the order.
    order_id = 3_900_000_000_000_000_000 + rng.bits(56)
    session.send(
        "Purchase",
        Cart=cart,
        Coupon=rng.pick((None, None, "SUMMER", "")),
        currency="EUR",
        is_gift=_boolean_as_tracked(session, rng.chance(100)),
        order_id=order_id,
        total=_price_as_tracked(session, cents),
    )
    backend.add_confirmation(session.day_events, session.who, session.at_ms, order_id, cents)


def _close(session: _Session) -> None:
    if session.who.kind != "web":
        session.send("$ae_session", **{"$ae_session_length": (session.at_ms - session.start_ms) // 100 / 10})


def _product(session: _Session, product: catalog.Product) -> JsonObject:
    return {
        "category": product.category,
        "name": product.name,
        "price": _price_as_tracked(session, product.cents),
        "sku": product.sku,
    }


def _line(session: _Session, product: catalog.Product, quantity: int) -> JsonObject:
    price = _price_as_tracked(session, product.cents)
    return {"sku": product.sku, "name": product.name, "price": price, "quantity": quantity}


def _price_as_tracked(session: _Session, cents: int) -> float | int | str:
    """Return a price as the visitor's platform tracks it: a text on Android, a number on other platforms."""
    if session.who.kind == "android":
        return f"{cents // 100}.{cents % 100:02d}"
    return cents // 100 if cents % 100 == 0 and session.who.kind == "web" else cents / 100


def _boolean_as_tracked(session: _Session, value: bool) -> bool | str:
    return str(value).lower() if session.who.kind == "android" else value
