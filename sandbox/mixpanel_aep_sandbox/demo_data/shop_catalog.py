"""Values from which the demo shop's events are generated: products, cities, search terms, campaigns and devices."""

from __future__ import annotations

from typing import NamedTuple


class Product(NamedTuple):
    """A product of the demo shop; ``cents`` is its price in euro cents."""

    sku: str
    name: str
    category: str
    cents: int


class Place(NamedTuple):
    """A city in which visitors live, with its region and two-letter country code."""

    city: str
    region: str
    country: str


PRODUCTS = (
    Product("KF-100", "Kaffe Mørk 500 g", "Coffee", 1290),
    Product("KF-101", "Café «Élégance»", "Coffee", 1450),
    Product("KF-102", "Decaf, 250 g", "Coffee", 899),
    Product("KF-103", "Ethiopia Yirgacheffe", "Coffee", 1675),
    Product("TE-200", "抹茶 Matcha", "Tea", 2400),
    Product("TE-201", "Earl Grey", "Tea", 750),
    Product("TE-202", "Пуэр", "Tea", 1180),
    Product("MG-300", "Mug “Hello”", "Mugs", 1200),
    Product("MG-301", "Mug & Saucer", "Mugs", 1850),
    Product("MG-302", "Espresso cup ☕", "Mugs", 650),
    Product("GR-400", "Hand grinder", "Gear", 6900),
    Product("GR-401", "Kettle 1,0 l", "Gear", 8950),
    Product("GR-402", 'Filter 4" (100)', "Gear", 399),
    Product("GR-403", "Scale 0.1 g", "Gear", 3490),
    Product("GR-404", "Espresso machine", "Gear", 74900),
    Product("GF-500", "Gift card", "Gifts", 5000),
)

PLACES = (
    Place("Oslo", "Oslo County", "NO"),
    Place("Ålesund", "Møre og Romsdal", "NO"),
    Place("Tromsø", "Troms", "NO"),
    Place("München", "Bavaria", "DE"),
    Place("Berlin", "Land Berlin", "DE"),
    Place("Zürich", "Zurich", "CH"),
    Place("Kraków", "Lesser Poland", "PL"),
    Place("São Paulo", "São Paulo", "BR"),
    Place("San Francisco", "California", "US"),
    Place("New York", "New York", "US"),
    Place("東京", "東京都", "JP"),
    Place("Hyderabad", "Telangana", "IN"),
)

SEARCHES = ("coffee", "kaffe mørk", "", "mug", "抹茶", "grinder & kettle", "подарок", "decaf\tbeans", "☕")
CAMPAIGNS = ("news", "spring-sale", "google", "instagram", "")
CARRIERS = ("Telenor", "Telekom.de", "Verizon", "Jio", "")
IOS_MODELS = (("iPhone16,1", 852, 393), ("iPhone14,5", 844, 390), ("iPad13,4", 1194, 834))
ANDROID_MODELS = (
    ("Pixel 8", "Google", 2400, 1080),
    ("SM-S911B", "samsung", 2340, 1080),
    ("RMX2193", "realme", 1448, 720),
)
BROWSERS = (("Chrome", 138), ("Safari", 18), ("Firefox", 139), ("Microsoft Edge", 137))
SYSTEMS = ("Mac OS X", "Windows", "Linux", "iOS", "Android")
