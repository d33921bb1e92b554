"""docs/pipeline-file.md and tests/config/wrong_examples.py: every key that a pipeline file may have.

Each has a default or is required, a row in the page that says the same, and a wrong example with its message.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from include.config.airflow import TASKS
from include.config.alerts import KINDS
from include.config.loader import load_pipeline
from include.config.model import Pipeline, Quality
from include.errors import ConfigError
from tests.config.wrong_examples import WRONG
from tests.support.documentation import ROOT

pytestmark = pytest.mark.unit
PAGE = (ROOT / "docs/pipeline-file.md").read_text(encoding="utf-8")
ROWS = {
    cells[1].strip("` "): [cell.strip("` ") for cell in cells[2:-1]]
    for line in PAGE.splitlines()
    if line.startswith("| `")
    for cells in [line.split("|")]
}
ENTRIES = {"identities": ("<property>", "$user_id"), "airflow.tasks": ("<task>", "transform")}
"""Sections whose keys a user names: how the page writes such a key, and one that is used here."""
LISTS = ("alerts.notifiers.",)
"""Lists of sections: the first entry is used here."""
GOOD: dict[str, Any] = {
    "mixpanel": {"timezone": "Europe/Berlin", "time_is": "utc"},
    "aep": {"dataset": "Events", "schema": "Events"},
    "mapping": "shop.json",
    "identities": {"$user_id": {"namespace": "MixpanelUser"}},
    "start_date": "2026-01-01",
}


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        section = section_of(field.annotation)
        if section is not None:
            yield from keys(section, f"{key}.")
        elif key != "name":  # the file's name
            yield key, field
            if (entry := entry_of(field.annotation)) is not None:
                yield from keys(entry, f"{key}.{ENTRIES[key][0]}.")


def entry_of(annotation: Any) -> type[BaseModel] | None:
    """The model of the entries of a section whose keys a user names."""
    if get_origin(annotation) is not dict:
        return None
    value = get_args(annotation)[1]
    value = value if isinstance(value, type) else next(iter(get_args(value)), None)
    return value if isinstance(value, type) and issubclass(value, BaseModel) else None


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


def test_the_page_and_the_wrong_examples_have_every_key_and_no_other() -> None:
    assert ROWS.keys() - set(TASKS) == FIELDS.keys()
    assert WRONG.keys() == FIELDS.keys()


@pytest.mark.parametrize("key", FIELDS)
def test_the_default_is_that_of_the_code(key: str) -> None:
    default, meaning = ROWS[key]
    assert default == written(key, FIELDS[key])
    assert len(meaning) > 10


def document(key: str, *value: Any) -> dict[str, Any]:
    """A right document with another value at a key, or without the key."""
    found = copy.deepcopy(GOOD)
    if key.startswith("alerts."):
        found["alerts"] = {"notifiers": [{"class": "a.Notifier"}]}
    *sections, name = path(key).split(".")
    place: Any = found
    for section in sections:
        place = place[int(section)] if isinstance(place, list) else place.setdefault(section, {})
    place.pop(name, None)
    if value:
        place[name] = value[0]
    return found


def path(key: str) -> str:
    for written_as, used in ENTRIES.values():
        key = key.replace(written_as, used)
    for each in LISTS:
        key = key.replace(each, f"{each}0.")
    return key


def refusal(folder: Path, data: dict[str, Any]) -> tuple[str, list[str]]:
    file = folder / "shop.yaml"
    file.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_pipeline(file)
    return str(refused.value), file.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_example_is_refused_with_its_message_and_its_line(key: str, tmp_path: Path) -> None:
    value, message = WRONG[key]
    said, lines = refusal(tmp_path, document(key, value))
    found = re.fullmatch(r"shop\.yaml:(\d+):? (.*)", said)
    assert found, said
    assert found[2] == message.replace("…", f"{path(key)}: ")
    if message.startswith("…"):
        assert path(key).rsplit(".", 1)[-1] in lines[int(found[1]) - 1]


@pytest.mark.parametrize("key", [key for key, field in FIELDS.items() if field.is_required()])
def test_a_required_key_that_is_missing_is_named(key: str, tmp_path: Path) -> None:
    said, _ = refusal(tmp_path, document(key))
    assert said.endswith(f"is missing the key {path(key)!r}.")


def test_shares_are_written_as_percent() -> None:
    assert written("quality.max_removed", Quality.model_fields["max_removed"]) == "50%"


@pytest.mark.parametrize("task", TASKS)
def test_the_page_has_the_defaults_of_every_task(task: Any) -> None:
    made = TASKS[task]
    delays = f"{made.retry_delay_seconds} s to {made.max_retry_delay_seconds} s"
    minutes = f"{made.timeout_hours * 60:g} min"
    hours = f"{made.timeout_hours:g} h" if made.timeout_hours >= 1 else minutes
    assert ROWS[task][1:] == [str(made.retries), delays, hours, made.pool]
