"""The report page: everything escaped, nothing fetched, no row value."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.quality.report import Expectation, Report, breakable, render

pytestmark = pytest.mark.unit
EMPTY = Report(
    pipeline="shop", partition="2026-07-01", schema_title="Events", schema_version="1.3",
    counts={"exported": 0, "duplicates": 0, "quarantined": 0, "refused": 0, "valid": 0},
    reasons={}, not_converted={}, expectations=[], by_hour={}, by_event={},
)  # fmt: skip
HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "</td></table><iframe src=//evil.example>",
    "javascript:alert(1)", "{{ 7*7 }}", "${jndi:ldap://x}", "%s%n", "</style><style>*{background:url(https://evil.example)}",
    "<!--", "]]>", "\u202egnp.exe", "&lt;b&gt;", "a\r\nSet-Cookie: x", "\x1b[31mred", "'--", "<base href=https://evil.example>",
]  # fmt: skip


class Page(HTMLParser):
    """Collect the tags, attributes and texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    @property
    def tags_without_breaks(self) -> list[str]:
        """Where a long name may continue on the next line depends on the name."""
        return [tag for tag in self.tags if tag != "wbr"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def full(text: str) -> Report:
    """Return a report with ``text`` in every place that data can reach."""
    return Report(
        text, text, text, text, {**EMPTY.counts, "exported": 5, "refused": 2}, {text: 2}, {text: 3},
        [Expectation(text, text, "critical", 1), Expectation(text, text, "critical", 0, restates=True)], {text: 4}, {text: 5}, [text], {text: 6}, {text: 7}, {text: 8}, examples={text: [text]}, quarantine=[text],
    )  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_only_text(text: str) -> None:
    page, harmless = Page(render(full(text))), Page(render(full("harmless")))
    assert page.tags_without_breaks == harmless.tags_without_breaks
    assert [a for a in page.attributes if a not in harmless.attributes] == []
    seen = "".join(page.texts).replace("\r\n", "\n")
    assert seen.count(text.replace("\r\n", "\n")) >= 8


@given(st.text())
def test_any_name_is_only_text(text: str) -> None:
    harmless = Page(render(full("harmless")))
    assert Page(render(full(text))).tags_without_breaks == harmless.tags_without_breaks


@pytest.mark.parametrize(
    "report", [EMPTY, full("x"), full("https://evil.example/x.png")], ids=["empty", "full", "hostile"]
)
def test_the_page_fetches_nothing(report: Report) -> None:
    html = render(report)
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base", "a", "video"} & set(
        page.tags
    )
    assert not {name for _, name, _ in page.attributes} & {
        "src",
        "href",
        "srcset",
        "action",
        "background",
        "data",
    }
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    style = html[html.index("<style>") : html.index("</style>")]
    assert not re.search(r"url\(|@import|https?:", style)
    assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_every_number_is_on_the_page() -> None:
    report = replace(
        EMPTY, counts={"exported": 1201, "duplicates": 7, "quarantined": 30, "refused": 12, "valid": 1152},
        reasons={"no_identity": 30, "currency must match ^[A-Z]{3}$": 12}, by_event={"Purchase": 777}, by_hour={"2026-07-01 12:00": 888},
    )  # fmt: skip
    texts = [text.strip() for text in Page(render(report)).texts]
    for number in ("1,201", "7", "42", "1,152", "30", "12", "777", "888"):
        assert number in texts


def test_lines_that_are_not_events_are_exported_and_in_quarantine_as_on_the_board() -> None:
    counts = {"exported": 60, "not_events": 3, "duplicates": 0, "quarantined": 3, "refused": 0, "valid": 60}
    text = "".join(Page(render(replace(EMPTY, counts=counts))).texts)
    assert "60 of 63 exported events are valid" in text
    assert "Exported lines that are not events, in quarantine: 3" in text


def test_what_is_not_listed_is_counted() -> None:
    named = replace(EMPTY, unmapped={"a": 5}, by_event={"A": 5})
    assert "not listed" not in "".join(Page(render(named)).texts)
    text = "".join(Page(render(replace(named, other_properties=1, other_events=1200))).texts)
    assert "1 less frequent property is not listed." in text
    assert "1,200 events have less frequent names that are not listed." in text


def test_an_empty_day_says_so() -> None:
    text = " ".join(Page(render(EMPTY)).texts)
    assert "This day has no valid events." in text
    assert "The day has no rows to check." in text


def test_type_checks_are_folded_unless_they_failed() -> None:
    def at_most(failed: int) -> str:
        limit = Expectation("age", "must be at most 9007199254740992", "critical", failed, restates=True)
        return render(
            replace(EMPTY, expectations=[Expectation("_id", "must be present", "critical", 0), limit])
        )

    folded, shown = at_most(0), at_most(3)
    assert (
        folded.index("_id")
        < folded.index("1 more expectation without a failure that only restates")
        < folded.index("9007199254740992")
    )
    assert "restate" not in shown and "9007199254740992" in shown


def test_the_page_links_to_the_quarantined_events() -> None:
    key = "shop/2026-07-01/quarantine/transform-ab.jsonl.gz"
    text = "".join(Page(render(replace(EMPTY, reasons={"it has no time": 1}, quarantine=[key]))).texts)
    assert key in text
    assert "mixpanel-aep quarantine show shop 2026-07-01" in text


def test_the_page_says_where_the_state_of_the_day_at_aep_is_shown() -> None:
    assert "mixpanel-aep status shop" in "".join(Page(render(EMPTY)).texts)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("_acme.mixpanel.productListItems", "_acme.|mixpanel.|product|List|Items"),
        ("a_long_name", "a_|long_|name"),
        ("items[].SKU must be at most 8.5", "items[].|SKU must be at most 8.5"),
        ("word", "word"),
        ("two-words", "two-|words"),
        ("must match ^[A-Za-z]{3}$", "must match ^[A-Za-z]{3}$"),
        ("<b>.x", "&lt;b&gt;.x"),
    ],
)
def test_a_long_name_is_broken_between_words_only(name: str, shown: str) -> None:
    assert breakable(name) == shown.replace("|", "<wbr>")
