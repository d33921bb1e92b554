"""The site has every page, its links are valid, and it loads nothing from another machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.site_hooks import loaded_from_elsewhere
from tests.support.documentation import ROOT, pages

pytestmark = pytest.mark.unit
DOCS = ROOT / "docs"
SITE: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def entries(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    values = nav.values() if isinstance(nav, dict) else nav
    return [page for value in values for page in entries(value)]


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub and the site create them."""
    headings = re.findall(r"(?m)^#+ (.+)$", text)
    return {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def test_the_navigation_has_every_page_once() -> None:
    listed = entries(SITE["nav"])
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
    assert SITE["strict"] is True


def test_fonts_come_from_the_readers_machine() -> None:
    assert SITE["theme"]["font"] is False
    assert "extra_javascript" not in SITE


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = page.parent / path if path else page
        assert place.exists(), target
        if anchor:
            assert anchor in anchors(place.read_text(encoding="utf-8")), target


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<script src="https://cdn.example.com/a.js">', ["https://cdn.example.com/a.js"]),
        ('<link rel="stylesheet" href="//fonts.example.com/a">', ["//fonts.example.com/a"]),
        ('<img alt="" src=http://example.com/a.png>', ["http://example.com/a.png"]),
        ('<link rel="canonical" href="https://example.com/"><a href="https://example.com/">', []),
        ('<script src="assets/a.js"><img src="images/a.png">', []),
    ],
)
def test_files_that_a_browser_would_load_from_elsewhere_are_found(html: str, found: list[str]) -> None:
    assert loaded_from_elsewhere(html) == found
