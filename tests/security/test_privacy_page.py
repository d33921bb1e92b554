"""docs/privacy.md: every kind of key of the lake is in the table, with how it is removed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from include.config.model import Retention
from include.lake.keys import parse_key
from include.lake.own_keys import DAY, DIGEST, PIPELINE, is_own_key
from tests.lake.test_removal import KEYS

pytestmark = [pytest.mark.unit, pytest.mark.case("M19")]
PAGE = (Path(__file__).parents[2] / "docs/privacy.md").read_text("utf-8")
WORDS = {"PIPELINE": PIPELINE, "DAY": DAY, "DIGEST": DIGEST, "TARGET": DIGEST, "PROJECT": r"\d+"}


def rows() -> list[tuple[str, re.Pattern[str], set[str], str]]:
    """Yield rows of the first table: pattern, expression, settings that remove it, and what ``forget`` does."""
    table = PAGE.partition("<!-- places -->")[2].strip().partition("\n\n")[0]
    found = []
    for text in table.splitlines()[2:]:
        places, _, ends, forget = (cell.strip() for cell in text.strip("|").split(" | "))
        for place in re.findall("`([^`]+)`", places):
            parts = re.split(f"({'|'.join(WORDS)}|\\*)", place)
            expression = "".join(
                WORDS.get(part, "[^/]+" if part == "*" else re.escape(part)) for part in parts
            )
            settings = set(re.findall("`([^`]+)`", ends))
            assert settings or ends == "stays", text
            found.append((place, re.compile(expression), settings, forget.rstrip(" |")))
    return found


@pytest.mark.parametrize("key", [key for key in KEYS if is_own_key(key)])
def test_m19_every_key_has_one_row_with_its_removal(key: str) -> None:
    (row,) = [row for row in rows() if row[1].fullmatch(key)]
    found = parse_key(key)
    is_removable = found is not None and found.is_removable
    assert bool(row[2]) is is_removable, "only what a cleaning may remove is ended by a setting"
    assert (row[3] in ("removes", "rewrites")) is is_removable, "what may hold rows is forgotten"
    assert row[3] in ("removes", "rewrites", "keeps", "adds")


def test_m19_the_settings_are_those_of_the_pipeline_file() -> None:
    assert set().union(*(row[2] for row in rows())) == set(Retention.model_fields)


def test_m19_every_row_is_about_an_existing_kind_of_key() -> None:
    unused = [row[0] for row in rows() if not any(row[1].fullmatch(key) for key in KEYS)]
    assert unused == ["_signed/*.json"], "of which the list of removable keys has none"
