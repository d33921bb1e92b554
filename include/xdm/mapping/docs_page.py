"""Generate the tables of identity rules and of ready mapping files in ``docs/mapping.md``.

``python -m include.xdm.mapping.docs_page`` writes them into the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from include.xdm.identities.identity_rules import RULES
from include.xdm.identities.placeholders import PLACEHOLDERS, ZERO_CHARACTERS
from include.xdm.mapping.mapping_file import read_mapping_file

PAGE = Path(__file__).parents[3] / "docs" / "mapping.md"
READY = {
    "mixpanel-defaults.json": "Mixpanel defaults",
    "web.json": "Web",
    "commerce.json": "Commerce",
}
"""The mapping files that are ready to use, with their titles in the page."""


def replace_tables(page: str) -> str:
    """Return ``page``, the text of ``docs/mapping.md``, with its generated tables replaced by current ones."""
    for name, lines in (("identity rules", _rules()), ("ready mappings", _mappings())):
        begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = "".join((before, begin, "\n", "\n".join(lines), "\n", end, after))
    return page


def _rules() -> Iterator[str]:
    yield "| reason | namespaces | dropped | source |"
    yield "|---|---|---|---|"
    for rule in RULES:
        yield f"| `{rule.reason}` | {rule.namespaces} | {rule.dropped} | {rule.source} |"
    yield ""
    yield "| placeholders | because |"
    yield "|---|---|"
    zeros = ", ".join(f"`{character}`" for character in ZERO_CHARACTERS)
    yield f"| every value of {zeros} alone, such as zero UUIDs and advertising ids | it is the zero value of an id |"
    for what, words in PLACEHOLDERS.items():
        yield f"| {', '.join(f'`{word}`' for word in words)} | {what} |"


def _mappings() -> Iterator[str]:
    for name, title in READY.items():
        yield f"\n### {title}: `{name}`\n"
        yield "| from | to |"
        yield "|---|---|"
        for row in read_mapping_file(name):
            source = str(row["source"]).replace("|", "\\|")
            quoted = f"`{source}`" if row["sourceType"] != "STATIC" else f"the text `{source}`"
            yield f"| {quoted} | `{row['destination']}` |"


if __name__ == "__main__":
    PAGE.write_text(replace_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
