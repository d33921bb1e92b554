"""Setup tags a dataset with its owner, and refuses one that belongs to another lake, project or pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import requests

from include.aep.ownership import PIPELINE_TAG, SOURCE_TAG
from include.aep.setup import SetupResult, setup_pipeline
from include.config.identities import IdentitySource
from include.config.model import Pipeline
from include.errors import AnotherPipeline, AnotherSource, BadManifest, ForeignLake, Terminal
from include.lake.lake import Lake
from include.lake.lake_id import (
    LAKE_ID_KEY,
    LAKE_TAG,
    check_lake_id,
    ensure_lake_id,
    read_lake_id,
    tagged_lake_id,
)
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.sandbox
SOURCE = "eu/3000001"
PIPELINE = PIPELINES["hostile"]
ONE, OTHER = "1" * 32, "2" * 32


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with quick_sandbox(tmp_path / "sandbox") as server:
        yield server.url


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


@pytest.fixture
def runner(url: str, lake: Lake) -> PipelineRunner:
    return PipelineRunner(url, lake, PIPELINE)


def setup(
    runner: PipelineRunner, lake: Lake | None, pipeline: Pipeline = PIPELINE, **more: Any
) -> SetupResult:
    return setup_pipeline(pipeline, runner.aep, lake, **{"source": SOURCE, **more})


def tags(runner: PipelineRunner) -> dict[str, Any]:
    """Return the tags except Catalog's own, whose names begin with adobe."""
    found = runner.aep.catalog.require_dataset(PIPELINE.aep.dataset)["tags"]
    return {name: values for name, values in found.items() if not name.startswith("adobe/")}


def changes_of(url: str) -> list[str]:
    """Return the requests to AEP that are not reads."""
    entries = requests.get(f"{url}/_sandbox/transcript", timeout=10).json()["entries"]
    return [
        f"{entry['method']} {entry['path']}"
        for entry in entries
        if entry["method"] != "GET" and entry["path"].startswith("/data/")
    ]


def test_a_new_dataset_is_tagged_when_it_is_created(runner: PipelineRunner, lake: Lake, url: str) -> None:
    result = setup(runner, lake)
    assert tags(runner) == {
        LAKE_TAG: [read_lake_id(lake)],
        SOURCE_TAG: [SOURCE],
        PIPELINE_TAG: ["hostile"],
    }
    assert f"created dataset {PIPELINE.aep.dataset!r}" in result.changes
    assert not [line for line in changes_of(url) if line.startswith("PATCH /data/foundation/catalog")]
    assert setup(runner, lake).changes == []


def test_a_dataset_from_before_lake_ids_is_tagged_and_keeps_its_other_tags(
    runner: PipelineRunner, lake: Lake
) -> None:
    setup(runner, None, source=None)
    dataset = runner.aep.catalog.require_dataset(PIPELINE.aep.dataset)
    runner.aep.catalog.tag_dataset(dataset, {"team/owner": ["growth"]})
    check_lake_id(lake, dataset)
    result = setup(runner, lake)
    assert [change.split(" with ")[1] for change in result.changes] == [
        f"{LAKE_TAG}: the id of lake {lake.url}; {SOURCE_TAG}: {SOURCE}"
    ]
    assert tags(runner)["team/owner"] == ["growth"]
    check_lake_id(lake, runner.aep.catalog.require_dataset(PIPELINE.aep.dataset))


def test_setup_with_another_lake_changes_nothing(
    runner: PipelineRunner, lake: Lake, url: str, tmp_path: Path
) -> None:
    setup(runner, lake)
    before = changes_of(url)
    for other in (Lake(f"file://{tmp_path}/empty"), Lake(f"file://{tmp_path}/foreign")):
        if other.url.endswith("foreign"):
            ensure_lake_id(other)
        with pytest.raises(ForeignLake, match=f"but the lake {other.url} has"):
            setup(
                runner,
                other,
                PIPELINE.model_copy(
                    update={"identities": {"$device_id": IdentitySource(namespace="NewOne")}}
                ),
            )
    assert changes_of(url) == before
    assert read_lake_id(Lake(f"file://{tmp_path}/empty")) is None, "setup gives a lost lake no new id"


def test_setup_with_another_project_changes_nothing(runner: PipelineRunner, lake: Lake, url: str) -> None:
    setup(runner, lake)
    before = changes_of(url)
    with pytest.raises(AnotherSource, match=f"loaded from Mixpanel project {SOURCE} .* reads project us/7"):
        setup(runner, lake, source="us/7")
    assert changes_of(url) == before


def test_a_renamed_pipeline_keeps_its_dataset_and_a_second_pipeline_is_refused(
    runner: PipelineRunner, lake: Lake
) -> None:
    setup(runner, lake)
    renamed = PIPELINE.model_copy(update={"name": "renamed"})
    with pytest.raises(AnotherPipeline, match=r"belongs to pipeline hostile .*, not to pipeline renamed"):
        setup(runner, lake, renamed, pipelines=["hostile", "renamed"])
    with pytest.raises(AnotherPipeline, match=r"write formerly: hostile below aep in renamed\.yaml"):
        setup(runner, lake, renamed, pipelines=["renamed"])
    renamed = renamed.model_copy(update={"aep": renamed.aep.model_copy(update={"formerly": "hostile"})})
    assert any("renamed, instead of hostile" in done for done in setup(runner, lake, renamed).changes)
    assert tags(runner)[PIPELINE_TAG] == ["renamed"]


def dataset_of(tag: str | None) -> dict[str, Any]:
    return {"id": "d", "name": "Events", "tags": {LAKE_TAG: [tag]} if tag else {"unifiedProfile": ["x:y"]}}


@pytest.mark.parametrize(("tag", "own"), list(product((None, ONE, OTHER), (None, ONE))))
def test_contradicting_lake_and_dataset_are_refused_with_instructions(
    lake: Lake, tag: str | None, own: str | None
) -> None:
    if own:
        ensure_lake_id(lake, own)
    if tag == own:
        return check_lake_id(lake, dataset_of(tag))
    with pytest.raises(ForeignLake) as refused:
        check_lake_id(lake, dataset_of(tag))
    assert issubclass(ForeignLake, Terminal)
    assert "'Events'" in refused.value.sentence
    assert lake.url in refused.value.sentence
    if own is None:
        assert f"loaded through the lake with the id {str(tag)[:8]}, but the lake" in refused.value.sentence
        assert "mixpanel-aep recover PIPELINE" in refused.value.hint
    elif tag is None:
        assert "Run setup" in refused.value.hint
    else:
        assert f"with the id {tag[:8]}, but" in refused.value.sentence
        assert f"has the id {own[:8]}" in refused.value.sentence
        assert "Loads through two lakes" in refused.value.hint
    assert (tag or own) not in str(refused.value), "ids are shortened"
    return None


def test_concurrent_setups_give_the_lake_one_id(lake: Lake) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: ensure_lake_id(lake), range(8)))
    assert found == {read_lake_id(lake)}
    assert ensure_lake_id(lake, OTHER) in found, "an id is never replaced"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "does not contain a lake id"),
        (b"[]", "does not contain a lake id"),
        (b'{"version": 1, "id": "x"}', "does not contain a lake id"),
        (b'{"version": 2, "id": "later"}', "written by a newer version"),
    ],
)
def test_an_unreadable_id_is_not_a_missing_one(lake: Lake, body: bytes, says: str) -> None:
    lake.create(LAKE_ID_KEY, body)
    for ask in (read_lake_id, ensure_lake_id):
        with pytest.raises(BadManifest, match=says):
            ask(lake)


@pytest.mark.parametrize("values", [[ONE, OTHER], ["x"], "text"])
def test_a_tag_that_is_not_exactly_one_id_is_refused(values: Any) -> None:
    with pytest.raises(ForeignLake, match="does not contain exactly one lake id"):
        tagged_lake_id({"name": "Events", "tags": {LAKE_TAG: values}})
