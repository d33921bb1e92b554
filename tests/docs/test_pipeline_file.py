"""docs/pipeline-file.md: every key that a pipeline file may have, with its default."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from include.config.alerts import KINDS
from include.config.model import Pipeline, Quality
from tests.support.documentation import ROOT

pytestmark = pytest.mark.unit
ROWS = {
    cells[1].strip("` "): cells[2].strip("` ")
    for line in (ROOT / "docs/pipeline-file.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
    for cells in [line.split("|")]
}


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        section = section_of(field.annotation)
        if section is not None:
            yield from keys(section, f"{key}.")
        elif key != "name":  # the file's name
            yield key, field


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The section, also where it is optional or an entry of a list."""
    if get_origin(annotation) in (UnionType, tuple):
        annotation = get_args(annotation)[0]
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


FIELDS = dict(keys(Pipeline))


def written(key: str, field: FieldInfo) -> str:
    """Return the default as the page writes it."""
    value: Any = field.default
    if field.is_required():
        return "required"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if value in ((), {}):
        return "[]" if value == () else "{}"
    if value == KINDS:
        return "all"
    if key.startswith(("quality.max_", "alerts.max_")):
        return f"{100 * value:g}%"
    return str(value)


def test_the_page_has_every_key_and_no_other() -> None:
    assert ROWS.keys() == FIELDS.keys()


@pytest.mark.parametrize("key", FIELDS)
def test_the_default_is_that_of_the_code(key: str) -> None:
    assert ROWS[key] == written(key, FIELDS[key])


def test_shares_are_written_as_percent() -> None:
    assert written("quality.max_removed", Quality.model_fields["max_removed"]) == "50%"
