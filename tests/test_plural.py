"""A count agrees with its noun, in every sentence that people read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from include.plural import counted, is_or_are

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("number", "thing", "text"),
    [
        (1, "event", "1 event"),
        (0, "event", "0 events"),
        (5030, "event", "5,030 events"),
        (2, "day", "2 days"),
        (1, "property", "1 property"),
        (2, "property", "2 properties"),
        (3, "batch", "3 batches"),
        (2, "late event", "2 late events"),
    ],
)
def test_a_count_agrees_with_its_noun(number: int, thing: str, text: str) -> None:
    assert counted(number, thing) == text


def test_the_verb_agrees_with_the_count() -> None:
    assert [is_or_are(number) for number in (0, 1, 2)] == ["are", "is", "are"]


_NOUNS = "events|rows|days|batches|files|lines|duplicates|properties|records|partitions|requests|values|runs|outputs"
_COUNT_WITHOUT_IT = re.compile(
    rf"\{{(?:len\(|sum\(|counts?\b|total\b|rows\b|[\w.]*\.(?:rows|active|late|exported)\b)[^{{}}]*\}} (?:\w+ )?(?:{_NOUNS})\b"
)
_EXCEPTIONS = (
    'f"verify: ',  # a line that programs read
    "datasets named",
    "({count} days)",
    "truncated a result",
    "All {{",
)


def test_no_sentence_has_a_count_and_a_plural_without_it() -> None:
    root = Path(__file__).parents[1]
    found = [
        f"{path.relative_to(root)}: {line.strip()}"
        for folder in ("include", "plugins", "dags")
        for path in sorted((root / folder).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if _COUNT_WITHOUT_IT.search(line) and not any(text in line for text in _EXCEPTIONS)
    ]
    assert found == []
