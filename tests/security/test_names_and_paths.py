"""Keys in the lake and addresses of the services consist of our own words: they contain no name that others choose."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from include.aep.http import AepHttp
from include.config.loader import load_pipeline
from include.config.model import Pipeline
from include.errors import ConfigError, RequestRefused
from include.http.response import Response
from include.http.session import join_path
from include.lake.lake import Lake
from tests.security.canary_run import DAY, Running, manifests
from tests.security.hostile_names import PATHS
from tests.support.builders import pipeline
from tests.support.http_server import Reply, Request, serve_http

_DIGEST = r"[0-9a-f]{32}"
KEY = re.compile(
    r"_budget/(aep|mixpanel|aep-profile)-[0-9a-f]+/(\d{9}|state)\.json|"
    rf"\.writable|mixpanel-aep\.json|_histories/{_DIGEST}/((history|batches|index)\.json|ledger/{DAY}/\d{{6}}\.json"
    rf"|ids/{DAY}/{_DIGEST}\.parquet)|hostile/schemas/[0-9a-f]{{16,64}}\.json|hostile/{DAY}/(looks/{_DIGEST}\.json"
    rf"|report/{_DIGEST}\.html|quarantine/(transform|validate|ingest)-{_DIGEST}\.jsonl\.gz"
    rf"|(raw|xdm|valid-shards|valid|staged)/{_DIGEST}/(manifest\.json|events\.parquet|part-\d{{5}}\.parquet"
    r"|refused\.jsonl\.gz|events-[0-9a-f]{16}\.(parquet|json|jsonl\.gz)))"
)


@pytest.mark.sandbox
@pytest.mark.case("M01")
def test_m01_every_key_of_the_lake_consists_of_our_own_words(carried: Running) -> None:
    keys = list(carried.runner.lake.keys(""))
    assert len(keys) > 8
    assert [key for key in keys if not KEY.fullmatch(key)] == []
    root = carried.runner.lake.root
    assert root is not None
    assert sorted(path.name for path in root.iterdir()) == [
        ".writable",
        "_budget",
        "_histories",
        "hostile",
        "mixpanel-aep.json",
    ]


@pytest.mark.sandbox
@pytest.mark.case("M01")
@pytest.mark.parametrize("name", PATHS, ids=lambda name: f"M01-{name}")
def test_m01_an_event_with_a_hostile_name_arrives_under_that_name(carried: Running, name: str) -> None:
    """Refusing it would lose it; it is only never used as more than a text."""
    lake = carried.runner.lake
    (raw,) = [key for key in lake.keys("") if "/raw/" in key and key.endswith(".jsonl.gz")]
    names = [
        json.loads(line)["event"] for line in gzip.decompress(lake.read(raw) or b"").split(b"\n") if line
    ]
    assert PATHS[name] in names
    mapped = next(manifest for manifest in manifests(lake) if manifest["step"] == "transform")
    counted = PATHS[name] if len(PATHS[name]) <= 1000 else f"{PATHS[name][:1000]}…"
    assert mapped["details"]["by_event"][counted] == 1


HOSTILE_IDS = ["a/b", "..", "a?b", "a#b", "a\r\nX-Evil: 1", "a b", "A", "-a", "a" * 64, "é", "a\x00", ""]


@pytest.mark.unit
@pytest.mark.case("M02")
@pytest.mark.parametrize("name", HOSTILE_IDS, ids=lambda name: f"M02-{name[:8]!r}")
def test_m02_a_pipelines_name_is_a_plain_word(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        pipeline(name=name)


@pytest.mark.unit
@pytest.mark.case("M02")
@pytest.mark.parametrize("file", ["A.yaml", "a b.yaml", "a?b.yaml", "a\nb.yaml", "-.yaml"])
def test_m02_a_file_with_another_name_is_refused(file: str, tmp_path: Path) -> None:
    text = "mixpanel: {timezone: UTC, time_is: utc}\naep: {dataset: a, schema: a}\nmapping: a.json\nidentities: {a: A}\n"
    (tmp_path / file).write_text(text + "start_date: 2026-01-01\n")
    with pytest.raises(ConfigError, match="name") as refused:
        load_pipeline(tmp_path / file)
    assert "\n" not in str(refused.value)


@pytest.mark.unit
@pytest.mark.case("M02")
@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("mixpanel", "conn_id", "a/../b"),
        ("mixpanel", "conn_id", "a\r\nb"),
        ("mixpanel", "conn_id", "a?b#c"),
        ("aep", "conn_id", ""),
        ("aep", "dataset", "a\r\nX-Evil: 1"),
        ("aep", "dataset", "a\x00"),
        ("aep", "dataset", "\u202eslatot"),
        ("aep", "schema", "a\nb"),
        ("aep", "field_group", "../x.json"),
        ("aep", "field_group", "a/b.json"),
    ],
)
def test_m02_no_name_of_a_pipeline_file_breaks_a_line_or_a_path(section: str, key: str, value: str) -> None:
    with pytest.raises(ValueError, match=key):
        pipeline(**{section: {key: value}})


@pytest.mark.unit
@pytest.mark.case("M02")
@pytest.mark.parametrize(
    "value", ["../x.json", "a/b.json", "a.yaml", "a.json\n", "a\x00.json", "/etc/x.json"]
)
def test_m02_a_mapping_is_a_file_of_its_folder(value: str) -> None:
    with pytest.raises(ValueError, match="mapping"):
        pipeline(mapping=value)


@pytest.mark.unit
@pytest.mark.case("M02")
def test_m02_a_title_may_contain_any_text_that_a_person_writes() -> None:
    title = "Mixpanel / Événements? #1 (EU) & 'more'"
    assert pipeline(aep={"dataset": title, "schema": title}).aep.dataset == title
    assert Pipeline.model_validate(pipeline().model_dump(by_alias=True)) == pipeline()


@pytest.mark.unit
@pytest.mark.case("M02")
@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_m02_a_path_segment_that_clients_resolve_is_refused(segment: str) -> None:
    with pytest.raises(RequestRefused, match="segment of a URL path"):
        join_path("a", segment)


@pytest.mark.sandbox
@pytest.mark.case("M02")
@pytest.mark.parametrize("name", ["a/b", "a?b=c", "a#b", "a\r\nX-Evil: 1", "a%2Fb", "\u0430", "a b"])
def test_m02_an_id_at_a_service_is_one_segment_whatever_it_contains(name: str) -> None:
    from include.aep.settings import AepSettings
    from include.aep.token_source import TokenSource

    def answer(request: Request) -> Reply:
        return Reply.json({"access_token": "t" * 20, "expires_in": 3600, "batches": {}})

    with serve_http(answer) as served:
        settings = AepSettings("a", "secret", "X@AdobeOrg", "prod", sandbox_url=served.url)
        http = AepHttp(settings, TokenSource(settings))
        http.get(("batches", name, "meta"), "look", Response.json, {"externalId": name})
    request = served.requests[-1]
    assert request.segments == ["batches", name, "meta"]
    assert request.query == {"externalId": name}
    assert "X-Evil" not in request.headers


@pytest.mark.unit
@pytest.mark.case("M01")
@pytest.mark.parametrize("key", ["../outside", "a/../../outside"])
def test_m01_the_lake_itself_does_not_leave_its_folder(key: str, tmp_path: Path) -> None:
    """A second protection: no key of this project has this form, and obstore would not follow it."""
    lake = Lake(f"file://{tmp_path}/lake")
    with pytest.raises(ValueError, match="illegal character sequence"):
        lake.create(key, b"x")
    assert not (tmp_path / "outside").exists()
