"""A sandbox whose credentials are canaries, and helpers for the tests of secrets and of hostile days."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import requests

from include.clock import Clock
from include.http.request import RetryPolicy
from include.lake.lake import Lake
from tests.support.canaries import AEP_SECRET, MIXPANEL_SECRET, MIXPANEL_USER
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

DAY = date(2026, 7, 1)
NOON = 1782907200  # 2026-07-01T12:00:00Z
_STAND_INS = {"moto", "boto3", "botocore", "werkzeug", "uvicorn", "fastapi", "asyncio"}
"""Loggers of servers that a test starts; their messages are not the product's."""
_NOT_WAITING = Clock(sleep=lambda seconds: None)


@dataclass
class Running:
    """A pipeline and its sandbox."""

    url: str
    folder: Path
    runner: PipelineRunner
    said: str = ""
    """What was logged while a day was carried."""

    def control(self, path: str, body: Any) -> None:
        requests.post(f"{self.url}/_sandbox{path}", json=body, timeout=20).raise_for_status()

    def fault(self, match: dict[str, Any], action: dict[str, Any], times: int | None = None) -> None:
        self.control("/faults", {"match": match, "action": action, "times": times})

    def forget_faults(self) -> None:
        requests.delete(f"{self.url}/_sandbox/faults", timeout=20).raise_for_status()

    def add(self, *events: dict[str, Any]) -> None:
        self.control(f"/mixpanel/projects/{self.runner.project_id}/events", {"events": events})

    def rows(self) -> list[dict[str, Any]]:
        """Return the active rows of the dataset."""
        where = {"dataset": self.runner.pipeline.aep.dataset}
        answer = requests.get(f"{self.url}/_sandbox/aep/rows", params=where, timeout=20)
        return [json.loads(line) for line in answer.content.split(b"\n") if line]

    def fresh(self, name: str) -> PipelineRunner:
        """Return the same pipeline with an empty lake."""
        self.runner.lake = Lake(f"file://{self.folder}/{name}")
        return self.runner


@contextmanager
def running(folder: Path, lake: str | None = None) -> Iterator[Running]:
    """Yield the hostile pipeline; both services accept only the canaries as credentials."""
    with quick_sandbox(folder / "sandbox") as server:
        project = PIPELINES["hostile"]
        runner = PipelineRunner(
            server.url,
            Lake(lake or f"file://{folder}/lake"),
            project,
            clock=_NOT_WAITING,
            connection={"login": MIXPANEL_USER, "password": MIXPANEL_SECRET},
            aep_connection={"password": AEP_SECRET},
            retry_policy=RetryPolicy(5, 5, attempts=2),
        )
        place = Running(server.url, folder, runner)
        let_in_canaries(server.url, runner.project_id)
        yield place


def let_in_canaries(url: str, project_id: int) -> None:
    """Make the canaries a sandbox's credentials, for AEP the only ones."""
    account = {"username": MIXPANEL_USER, "secret": MIXPANEL_SECRET}
    for path, body in (
        ("/mixpanel/projects", {"id": project_id, "accounts": [account]}),
        ("/aep/settings", {"secrets": [AEP_SECRET]}),
    ):
        requests.post(f"{url}/_sandbox{path}", json=body, timeout=20).raise_for_status()


def event(name: str, number: int = 0, **properties: Any) -> dict[str, Any]:
    """Return an event at noon of DAY that is unique by its ``number``."""
    fixed = {"time": NOON + number, "distinct_id": f"u{number}", "$insert_id": f"{name[:8]!r}{number}"}
    return {"event": name, "properties": fixed | properties}


def reported(error: BaseException) -> str:
    """Return everything that an exception and its causes show when printed."""
    texts = [str(error), repr(error), *traceback.format_exception(error)]
    seen: BaseException | None = error
    while seen is not None:
        texts += [repr(seen.args), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(texts)


@contextmanager
def all_logs() -> Iterator[io.StringIO]:
    """Collect the records of every logger, down to DEBUG, as text and as data, with exceptions."""
    stream = io.StringIO()

    class _Everything(logging.StreamHandler[io.StringIO]):
        def emit(self, record: logging.LogRecord) -> None:
            super().emit(record)
            self.stream.write(repr(record.args) + "\n")

    handler, root = _Everything(stream), logging.getLogger()
    level, changed = root.level, []
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    for name, logger in logging.Logger.manager.loggerDict.items():
        if not isinstance(logger, logging.Logger) or name.partition(".")[0] in _STAND_INS:
            continue
        changed.append((logger, logger.level, logger.disabled))
        logger.setLevel(logging.NOTSET)
        logger.disabled = False
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        for logger, its_level, disabled in changed:
            logger.setLevel(its_level)
            logger.disabled = disabled


def download(lake: Lake, folder: Path) -> Path:
    """Return a lake's objects as files, for any kind of lake."""
    for key in lake.keys(""):
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lake.read(key) or b"")
    return folder


def lake_texts(lake: Lake) -> dict[str, str]:
    """Return what people read in a lake, by key: manifests, ledger, reports, refreshes; the key itself included."""
    return {
        key: key + "\n" + (lake.read(key) or b"").decode()
        for key in lake.keys("")
        if key.endswith((".json", ".html")) and not key.rpartition("/")[2].startswith("part-")
    }


def manifests(lake: Lake) -> list[dict[str, Any]]:
    return [json.loads(lake.read(key) or b"{}") for key in lake.keys("") if key.endswith("/manifest.json")]
