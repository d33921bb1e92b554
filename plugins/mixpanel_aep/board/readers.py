"""Caches the pipelines, and the readers of their lakes, in the process of the API server between requests."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from include.board.source import FactsReader
from include.clock import SYSTEM_CLOCK
from include.config.loader import load_readable_pipelines, pipelines_folder
from include.config.model import Pipeline
from include.lake.lake import Lake
from mixpanel_aep.lakes import lake_signing_keys, lake_url

_SETTINGS_SECONDS = 30.0
"""How long the settings of a lake are cached: they come from Airflow's metadata database or a secrets backend."""
_lock = Lock()


@dataclass(frozen=True)
class Pipelines:
    """The content of all pipeline files, as the board shows it.

    Attributes:
        by_dag: the valid pipelines, by the id of their daily DAG.
        faults: the error text of each invalid pipeline file.
    """

    by_dag: dict[str, Pipeline]
    faults: tuple[str, ...]


@dataclass(frozen=True)
class _CachedReader:
    pipeline: Pipeline
    url: str
    at: float
    reader: FactsReader


_pipelines: dict[tuple[object, ...], Pipelines] = {}
_readers: dict[str, _CachedReader] = {}


def read_pipelines() -> Pipelines:
    """Return the content of all pipeline files. It is cached until a file is added, removed or changed."""
    files = [(path, path.stat()) for path in sorted(pipelines_folder().glob("*.yaml"))]
    version = tuple((path, found.st_mtime_ns, found.st_size) for path, found in files)
    with _lock:
        if version not in _pipelines:
            pipelines, faults = load_readable_pipelines()
            _pipelines.clear()
            _pipelines[version] = Pipelines(
                {each.dag_id: each for each in pipelines}, tuple(map(str, faults))
            )
        return _pipelines[version]


def pipeline_of(dag_id: str) -> Pipeline | None:
    """Return the pipeline to which a DAG belongs, or None. ``dag_id``: its daily, day, reconcile or verify DAG."""
    for each in read_pipelines().by_dag.values():
        if dag_id in (each.dag_id, each.day_dag_id, each.reconcile_dag_id, each.verify_dag_id):
            return each
    return None


def reader_of(pipeline: Pipeline) -> FactsReader:
    """Return the object that reads a pipeline's facts from its lake, cached as long as the lake has the same settings.

    Raises:
        PipelineError: the settings of the lake are invalid, or cannot be read.
    """
    now, known = SYSTEM_CLOCK.seconds(), _readers.get(pipeline.name)
    if known is not None and known.pipeline != pipeline:
        known = None
    if known is not None and now - known.at < _SETTINGS_SECONDS:
        return known.reader
    url, signing_keys = lake_url(pipeline), lake_signing_keys()
    is_same = known is not None and known.url == url and known.reader.lake.signing_keys == signing_keys
    reader = (
        known.reader
        if known is not None and is_same
        else FactsReader(Lake(url, signing_keys), pipeline, SYSTEM_CLOCK)
    )
    _readers[pipeline.name] = _CachedReader(pipeline, url, now, reader)
    return reader
