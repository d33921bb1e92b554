"""Variants of a benchmark's day and pipeline."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PIPELINES = Path(__file__).parents[1] / "include/pipelines"
_TENANT = "_{TENANT_ID}.mixpanel"
_STRING: dict[str, Any] = {"type": "string"}
_EXPRESSIONS = {
    "city": "upper(properties.$city)",
    "region": "iif(properties.$screen_width > 1000, 'wide', 'narrow')",
    "browser": "concat(properties.$browser, ' ', properties.$browser_version)",
    "os": "coalesce(properties.$os, 'unknown')",
    "currentUrl": "get_url_host(properties.$current_url)",
    "insertId": "sha256(properties.$insert_id)",
    "model": "dformat(properties.time * 1000, 'yyyy-MM-dd')",
}
COMPANY_FIELDS = 100


@dataclass(frozen=True)
class Variant:
    """``odd``: the share of events that no fast path may handle; ``more``: JSON members added to every event.

    ``change``: a function that changes the shop's field group and mapping set.
    """

    about: str
    odd: float = 0.0
    more: bytes = b""
    change: Callable[[dict[str, Any], list[dict[str, Any]]], None] | None = None

    def write_files(self, folder: Path) -> None:
        """Write the field group and the mapping set as ``shop.json`` into separate folders."""
        group = json.loads((_PIPELINES / "field_groups/shop.json").read_text())
        mapping = json.loads((_PIPELINES / "mappings/shop.json").read_text())
        if self.change is not None:
            self.change(group["properties"]["mixpanel"]["properties"], mapping["mappings"])
        for name, body in (("field_groups", group), ("mappings", mapping)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "shop.json").write_text(json.dumps(body))


def _nested(fields: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    item = {"sku": _STRING, "price": {"type": "number"}, "quantity": copy.deepcopy(fields["time"])}
    fields["benchCart"] = {"title": "Cart", "type": "array", "items": {"type": "object", "properties": item}}
    fields["benchLabels"] = {
        "title": "Labels", "type": "object", "meta:xdmType": "map", "additionalProperties": _STRING,
    }  # fmt: skip
    rows.append(_row("properties.bench_cart", f"{_TENANT}.benchCart"))
    rows.append(_row("properties.bench_labels", f"{_TENANT}.benchLabels"))
    for row in rows:
        name = row["destination"].rsplit(".", 1)[-1]
        if name in _EXPRESSIONS:
            row |= {"sourceType": "EXPRESSION", "source": _EXPRESSIONS[name]}


def _company(fields: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    for number in range(COMPANY_FIELDS - len(rows)):
        name = f"custom{number:02d}"
        fields[name] = {**(_STRING if number % 2 else copy.deepcopy(fields["time"])), "title": name}
        rows.append(_row(f"properties.custom_{number:02d}", f"{_TENANT}.{name}"))


def _row(source: str, destination: str) -> dict[str, Any]:
    return {"sourceType": "ATTRIBUTE", "source": source, "destination": destination}


_CART = b'"bench_cart":[{"sku":"GR-1","price":19.5,"quantity":2},{"sku":"GF-2","price":5,"quantity":1}],"bench_labels":{"a":"x","b":"y"}'
VARIANTS = {
    "shipped": Variant("the shop's own mapping set"),
    "nested": Variant("with an array of objects, a map and seven expressions", more=_CART, change=_nested),
    "company": Variant(
        f"{COMPANY_FIELDS} mappings, four more properties an event",
        more=b'"custom_00":1,"custom_01":"a","custom_10":7,"custom_11":"gold"',
        change=_company,
    ),
    "odd-1": Variant("1 % of the events are unusual", odd=0.01),
    "odd-100": Variant("all events are unusual", odd=1.0),
}
