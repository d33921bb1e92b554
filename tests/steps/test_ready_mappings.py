"""The shipped mappings, each end to end: a schema of Adobe's standard field groups, a day, and the rows in AEP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from include.config.model import Quality
from include.lake.lake import Lake
from include.steps.ingest.step import IngestResult
from include.xdm.mapping.mapping_file import read_mapping_file
from include.xdm.mapping.mapping_set import bind
from include.xdm.schema.xdm_schema import XdmSchema
from mixpanel_aep_sandbox.client import AepSandbox, MixpanelSandbox
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.sandbox
DAY = date(2026, 7, 1)
WEB = ("Environment Details", "Web Details", "Campaign Marketing Details")
COMMERCE = ("Commerce Details",)
READY = {"mixpanel-defaults": (), "web": WEB, "commerce": COMMERCE}
"""Mappings, and the standard field groups of the schemas that they are for."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with quick_sandbox(tmp_path_factory.mktemp("sandbox")) as server:
        yield server.url


def runner(
    url: str, folder: Path, mapping: str, project_id: int | None = None, groups: tuple[str, ...] = ()
) -> PipelineRunner:
    """A pipeline with a mapping, set up with a schema of standard field groups."""
    title = f"{mapping} {project_id or 'shop'}"
    shop = PIPELINES["shop"]
    target = {
        "dataset": title,
        "schema_name": title,
        "field_groups": groups or READY[mapping],
        "field_group": "mixpanel-defaults.json",
    }
    changes = {"mapping": f"{mapping}.json", "aep": shop.aep.model_copy(update=target)}
    connection = {"extra": {"project_id": project_id}} if project_id else {}
    made = PipelineRunner(
        url, Lake(f"file://{folder}/{mapping}"), shop.model_copy(update=changes), connection=connection
    )
    made.setup()
    return made


def load(made: PipelineRunner) -> tuple[Any, IngestResult]:
    steps = made.steps(DAY)
    mapped = steps.transform(steps.export())
    return mapped, made.ingest(DAY, made.stage(DAY))


def in_aep(made: PipelineRunner) -> list[dict[str, Any]]:
    aep = AepSandbox(made.url)
    dataset = made.aep.catalog.require_dataset(made.pipeline.aep.dataset)["id"]
    return list(aep.lines("/aep/rows", dataset=dataset))


@pytest.mark.parametrize("mapping", sorted(READY))
def test_a_day_of_the_shop_is_loaded_completely(url: str, tmp_path: Path, mapping: str) -> None:
    made = runner(url, tmp_path, mapping)
    mapped, loaded = load(made)
    print(mapped.counts, mapped.details["not_converted"], mapped.details["unmapped"])
    assert loaded.active == mapped.counts["mapped"] > 4000
    assert mapped.counts["quarantined"] == 0


def event(event_name: str, **properties: Any) -> dict[str, Any]:
    return {
        "event": event_name,
        "at": "2026-07-01T12:00:00Z",
        "properties": {"distinct_id": "u-1", "$user_id": "u-1", **properties},
    }


URL = "https://shop.example.com/p/42?utm_source=news"
PAGE = event(
    "$mp_web_page_view", **{
        "$insert_id": "page", "$browser": "Chrome", "$browser_version": 138, "$os": "Mac OS X", "$screen_width": 1920, "$screen_height": 1080,
        "$viewportWidth": 1200, "$viewportHeight": 700, "$city": "Oslo", "$region": "Oslo County", "mp_country_code": "NO", "$current_url": URL,
        "current_page_title": "Cups", "current_domain": "shop.example.com", "$referrer": "$direct", "utm_source": "news",
        "utm_campaign": "summer", "utm_id": "c-7",
    },
)  # fmt: skip
CLICK = event(
    "$mp_click", **{
        "$insert_id": "click", "$el_text": "Buy", "$el_attr__href": "/cart", "$current_url": "about: blank", "mp_country_code": "Norway",
        "$referrer": "https://www.google.com/", "$search_engine": "google", "$app_version_string": "5.3.1", "$model": "iPhone16,1",
    },
)  # fmt: skip
VIEWED = event(
    "Product Viewed",
    **{
        "$insert_id": "viewed",
        "sku": "A-1",
        "name": "Cup",
        "price": "12.50",
        "quantity": 3,
        "currency": "eur",
    },
)
BOUGHT = event(
    "order_completed", **{
        "$insert_id": "bought", "order_id": 3928097563762691601, "total": "77.70", "tax": 5, "currency": "EURO", "name": "no product", "cart_id": "c",
        "Cart": [{"sku": "A-1", "name": "Cup", "quantity": 2, "price": 12.95, "total": 25.9}, {"sku": 7, "name": "Pan"}],
    },
)  # fmt: skip
OTHER = event("Signed Up", **{"$insert_id": "other", "name": "Ann", "price": 3})


def columns(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without the fields that every row has."""
    left_out = ("_id", "timestamp", "identityMap", "producedBy")
    return {name: value for name, value in row.items() if name not in left_out and not name.startswith("_")}


EXPECTED: dict[str, dict[str, Any]] = {
    "web": {
        "page": {
            "eventType": "web.webpagedetails.pageViews",
            "environment": {
                "type": "browser", "operatingSystem": "Mac OS X",
                "browserDetails": {"name": "Chrome", "version": "138", "viewportWidth": 1200, "viewportHeight": 700},
            },
            "device": {"screenWidth": 1920, "screenHeight": 1080},
            "placeContext": {"geo": {"city": "Oslo", "countryCode": "NO"}},
            "web": {
                "webPageDetails": {"URL": URL, "name": "Cups", "server": "shop.example.com", "pageViews": {"value": 1}},
                "webReferrer": {"type": "typed_bookmarked"},
            },
            "marketing": {"trackingCode": "c-7", "campaignName": "summer"},
        },
        "click": {
            "eventType": "web.webinteraction.linkClicks",
            "environment": {"type": "application"}, "device": {"model": "iPhone16,1"},
            "web": {
                "webInteraction": {"name": "Buy", "URL": "/cart", "linkClicks": {"value": 1}},
                "webReferrer": {"URL": "https://www.google.com/", "type": "search_engine"},
            },
        },
        "viewed": {"eventType": "Product Viewed"}, "bought": {"eventType": "order_completed"}, "other": {"eventType": "Signed Up"},
    },
    "commerce": {
        "page": {"eventType": "web.webpagedetails.pageViews"}, "click": {"eventType": "web.webinteraction.linkClicks"}, "other": {"eventType": "Signed Up"},
        "viewed": {
            "eventType": "commerce.productViews",
            "commerce": {"productViews": {"value": 1}, "order": {"currencyCode": "EUR"}},
            "productListItems": [{"SKU": "A-1", "name": "Cup", "quantity": 3, "priceTotal": 37.5}],
        },
        "bought": {
            "eventType": "commerce.purchases",
            "commerce": {
                "purchases": {"value": 1}, "cartID": "c",
                "order": {"purchaseID": "3928097563762691601", "priceTotal": 77.7, "taxAmount": 5.0},
            },
            "productListItems": [{"SKU": "A-1", "name": "Cup", "quantity": 2, "priceTotal": 25.9}, {"SKU": "7", "name": "Pan"}],
        },
    },
}  # fmt: skip


def test_a_mapping_that_includes_two_others_fills_the_fields_of_both(url: str, tmp_path: Path) -> None:
    rows = {name: read_mapping_file(f"{name}.json") for name in ("web", "commerce")}
    for name, mappings in rows.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(mappings))
    (tmp_path / "both.json").write_text('{"include": ["web.json", "commerce.json"], "mappings": []}')
    both = read_mapping_file("both.json", tmp_path)
    places = {row["destination"] for mappings in rows.values() for row in mappings}
    assert sorted(row["destination"] for row in both) == sorted(places)
    made = runner(url, tmp_path, "commerce", 4_000_999, groups=(*WEB, *COMMERCE))
    dataset = made.aep.catalog.require_dataset(made.pipeline.aep.dataset)
    xdm = XdmSchema(made.aep.registry.resolved_schema(dataset["schemaRef"]["id"]))
    assert bind("both.json", both, xdm, keep_unmapped=True).mappings


@pytest.mark.parametrize("mapping", sorted(EXPECTED))
def test_each_property_is_in_its_standard_field(url: str, tmp_path: Path, mapping: str) -> None:
    """Values that do not fit a field, such as the country's name, stay in the unmapped JSON."""
    mixpanel = MixpanelSandbox(url)
    project = mixpanel.add_project(timezone="Europe/Berlin", time_is="utc")
    mixpanel.add_events(project, PAGE, CLICK, VIEWED, BOUGHT, OTHER)
    made = runner(url, tmp_path, mapping, project)
    mapped, loaded = load(made)
    assert (loaded.active, mapped.details["not_converted"]) == (5, {})
    tenant = f"_{made.aep.registry.tenant_id()}"
    rows = {row[tenant]["mixpanel"]["insertId"]: row for row in in_aep(made)}
    assert {name: columns(row) for name, row in rows.items()} == EXPECTED[mapping]
    own = {name: row[tenant]["mixpanel"] for name, row in rows.items()}
    assert {name: fields["event"] for name, fields in own.items()} == {
        each["properties"]["$insert_id"]: each["event"] for each in (PAGE, CLICK, VIEWED, BOUGHT, OTHER)
    }
    unmapped = {name: json.loads(fields.get("unmapped", "{}")) for name, fields in own.items()}
    assert unmapped["click"]["mp_country_code"] == "Norway"
    assert unmapped["bought"]["Cart"] == BOUGHT["properties"]["Cart"]


def test_the_defaults_keep_every_property_in_a_custom_field(url: str, tmp_path: Path) -> None:
    mixpanel = MixpanelSandbox(url)
    project = mixpanel.add_project(timezone="Europe/Berlin", time_is="utc")
    mixpanel.add_events(project, PAGE)
    made = runner(url, tmp_path, "mixpanel-defaults", project)
    load(made)
    (row,) = in_aep(made)
    own = row[f"_{made.aep.registry.tenant_id()}"]["mixpanel"]
    of_mixpanel = {"time", "apiEndpoint", "apiTimestampMs", "processingTimeMs"}
    unmapped = json.loads(own.pop("unmapped"))
    assert unmapped.keys() - {"$mp_event_size"} == {"$viewportWidth", "$viewportHeight"}
    assert {name: value for name, value in own.items() if name not in of_mixpanel} == {
        "event": "$mp_web_page_view", "insertId": "page", "distinctId": "u-1", "userId": "u-1", "browser": "Chrome", "browserVersion": "138",
        "os": "Mac OS X", "screenWidth": 1920, "screenHeight": 1080, "city": "Oslo", "region": "Oslo County", "country": "NO", "currentUrl": URL,
        "referrer": "$direct", "utmSource": "news", "utmCampaign": "summer", "utmId": "c-7", "pageTitle": "Cups", "pageDomain": "shop.example.com",
    }  # fmt: skip


def test_a_product_without_its_sku_is_refused_and_named(url: str, tmp_path: Path) -> None:
    """AEP requires it in every item."""
    mixpanel = MixpanelSandbox(url)
    project = mixpanel.add_project(timezone="Europe/Berlin", time_is="utc")
    mixpanel.add_events(
        project, VIEWED, event("Purchase", **{"$insert_id": "no sku", "Cart": [{"name": "Cup"}]})
    )
    made = runner(url, tmp_path, "commerce", project)
    made.pipeline = made.pipeline.model_copy(update={"quality": Quality(max_quarantined=1.0)})
    steps = made.steps(DAY)
    valid = steps.validate(steps.transform(steps.export()))
    assert (valid.counts["valid"], len(valid.details["reasons"])) == (1, 1)
    assert "productListItems" in next(iter(valid.details["reasons"]))
