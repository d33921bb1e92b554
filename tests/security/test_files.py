"""Configuration files only describe pipelines: they execute nothing and are limited in size."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from include.aep.setup import read_field_group
from include.config import json_file, loader
from include.config.loader import load_pipeline
from include.errors import ConfigError
from include.xdm.mapping.mapping_file import read_mapping_file

pytestmark = [pytest.mark.unit, pytest.mark.case("M12")]
GOOD = """
mixpanel: {timezone: UTC, time_is: utc}
aep: {dataset: Events, schema: Events}
mapping: shop.json
identities: {$user_id: MixpanelUser}
start_date: 2026-01-01
"""
TAGS = {
    "apply": "!!python/object/apply:os.system ['touch {mark}']",
    "new": "!!python/object/new:subprocess.Popen [['touch', '{mark}']]",
    "object": "!!python/object:include.config.model.Pipeline {{name: x}}",
    "name": "!!python/name:os.system",
    "module": "!!python/module:os",
    "tuple": "!!python/tuple [1]",
    "own": "!include /etc/passwd",
    "set": "!!set {{a, b}}",
}
BOMBS = {
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "itself": "a: &a {b: *a}\n",
    "merge": "a: &a {b: 1}\nc: {<<: *a}\n",
    "deep": "a: " + "[" * 5000 + "]" * 5000 + "\n",
    "deep-mapping": "a: " + "{a: " * 3000 + "1" + "}" * 3000 + "\n",
}  # fmt: skip


def write(folder: Path, text: str) -> Path:
    path = folder / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("tag", TAGS, ids=lambda tag: f"M12-{tag}")
def test_m12_no_yaml_tag_creates_an_object(tag: str, tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    with pytest.raises(ConfigError, match=r"shop\.yaml"):
        load_pipeline(write(tmp_path, GOOD + f"lake: {TAGS[tag].format(mark=mark)}\n"))
    assert not mark.exists()
    assert issubclass(loader._Loader, yaml.SafeLoader)


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: f"M12-{bomb}")
def test_m12_aliases_do_not_expand_to_gigabytes(bomb: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"shop\.yaml"):
        load_pipeline(write(tmp_path, BOMBS[bomb] + GOOD))


@pytest.mark.parametrize(
    "text", ["mapping: other.json\n", "'mapping': other.json\n", "? mapping\n: other.json\n"]
)
def test_m12_a_duplicate_key_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has the duplicate key 'mapping'"):
        load_pipeline(write(tmp_path, GOOD + text))


def test_m12_the_size_of_a_file_is_limited(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="larger than"):
        load_pipeline(write(tmp_path, GOOD + "# " + "x" * 300_000))


def test_m12_a_valid_file_is_read(tmp_path: Path) -> None:
    assert load_pipeline(write(tmp_path, GOOD)).name == "shop"


JSON_FAULTS = {
    "twice": ('{"mappings": [], "mappings": [{"source": "x"}]}', "duplicate key 'mappings'"),
    "twice-inside": (
        '{"mappings": [{"source": "a", "source": "b"}]}',
        "duplicate key 'source'",
    ),
    "deep": ("[" * 100_000, "is not valid JSON"),
    "large": (f'{{"mappings": [], "x": "{"x" * 5_000_000}"}}', "larger than"),
}


@pytest.mark.parametrize("fault", JSON_FAULTS, ids=lambda fault: f"M12-{fault}")
def test_m12_the_same_holds_for_json_files(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, says = JSON_FAULTS[fault]
    (tmp_path / "m.json").write_text(text)
    monkeypatch.setattr("include.aep.setup.field_group.FIELD_GROUPS", tmp_path)
    for read in (lambda: read_mapping_file("m.json", tmp_path), lambda: read_field_group("m.json")):
        with pytest.raises(ConfigError, match=rf"m\.json .*{says}") as refused:
            read()
        assert len(str(refused.value)) < 300
    assert json_file.read_json(loader.PIPELINES / "mappings/shop.json")
