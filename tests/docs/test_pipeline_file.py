"""docs/pipeline-file.md: every key that a pipeline file may have, with its default."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from include.config.model import Pipeline, Quality
from tests.support.documentation import ROOT

pytestmark = pytest.mark.unit
ROWS = {
    cells[1].strip("` "): cells[2].strip("` ")
    for line in (ROOT / "docs/pipeline-file.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `") and not line.startswith("| `alerts.")  # test_alert_keys.py
    for cells in [line.split("|")]
}


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{key}.")
        elif key not in ("name", "alerts"):  # the file's name; test_alert_keys.py
            yield key, field


FIELDS = dict(keys(Pipeline))


def written(key: str, field: FieldInfo) -> str:
    """The default as the page writes it."""
    value: Any = field.default
    if field.is_required():
        return "required"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if value in ((), {}):
        return "[]" if value == () else "{}"
    if key.startswith("quality.max_"):
        return f"{100 * value:g}%"
    return str(value)


def test_the_page_has_every_key_and_no_other() -> None:
    assert ROWS.keys() == FIELDS.keys()


@pytest.mark.parametrize("key", FIELDS)
def test_the_default_is_that_of_the_code(key: str) -> None:
    assert ROWS[key] == written(key, FIELDS[key])


def test_shares_are_written_as_percent() -> None:
    assert written("quality.max_removed", Quality.model_fields["max_removed"]) == "50%"
