"""The pipelines and their readers, which the API server keeps between requests."""

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
"""How long the settings of a lake are kept: they are read from Airflow's database or secrets backend."""
_lock = Lock()


@dataclass(frozen=True)
class Pipelines:
    """The pipelines by their DAG, and the sentences of files that cannot be read."""

    by_dag: dict[str, Pipeline]
    faults: tuple[str, ...]


@dataclass(frozen=True)
class _Kept:
    pipeline: Pipeline
    url: str
    at: float
    reader: FactsReader


_pipelines: dict[tuple[object, ...], Pipelines] = {}
_readers: dict[str, _Kept] = {}


def read_pipelines() -> Pipelines:
    """Return the pipelines; their files are read again when one of them has changed."""
    files = [(path, path.stat()) for path in sorted(pipelines_folder().glob("*.yaml"))]
    sign = tuple((path, found.st_mtime_ns, found.st_size) for path, found in files)
    with _lock:
        if sign not in _pipelines:
            pipelines, faults = load_readable_pipelines()
            _pipelines.clear()
            _pipelines[sign] = Pipelines({each.dag_id: each for each in pipelines}, tuple(map(str, faults)))
        return _pipelines[sign]


def pipeline_of(dag_id: str) -> Pipeline | None:
    """Return the pipeline of a DAG, also of its day, reconcile and verify DAGs."""
    for each in read_pipelines().by_dag.values():
        if dag_id in (each.dag_id, each.day_dag_id, each.reconcile_dag_id, each.verify_dag_id):
            return each
    return None


def reader_of(pipeline: Pipeline) -> FactsReader:
    """Return the pipeline's reader.

    Raises:
        PipelineError: the lake's setting is wrong, or cannot be read.
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
    _readers[pipeline.name] = _Kept(pipeline, url, now, reader)
    return reader
