"""The history of a dataset: the loads of each day, from one Mixpanel project.

A history belongs to a target, and its folder in the lake is derived from the target's ids: another dataset, or the same
name in another AEP sandbox, has another history. The first record written to it binds it to its source.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property

from pydantic import BaseModel, ConfigDict, ValidationError

from include.errors import AnotherSource, BadManifest
from include.lake.keys import HISTORIES, digest_part
from include.lake.lake import Lake
from include.lake.ledger import Ledger
from include.lake.manifest import digest_of
from include.lake.records import create_record, read_record

VERSION = 1


@dataclass(frozen=True)
class Source:
    """A Mixpanel project, by its region (us, eu, in) and its number."""

    region: str
    project_id: int

    def __str__(self) -> str:
        return f"{self.region}/{self.project_id}"


@dataclass(frozen=True)
class Target:
    """A dataset of AEP, by the ids of its organization, AEP sandbox and dataset."""

    org_id: str
    aep_sandbox: str
    dataset_id: str

    def __str__(self) -> str:
        return f"{self.org_id}/{self.aep_sandbox}/{self.dataset_id}"

    @cached_property
    def digest(self) -> str:
        """32 hex digits that identify the target in keys of the lake."""
        return digest_of({"target": [self.org_id, self.aep_sandbox, self.dataset_id]})


class _Binding(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = VERSION
    org_id: str
    aep_sandbox: str
    dataset_id: str
    region: str
    project_id: int
    pipeline: str
    at: str


@dataclass(frozen=True)
class History:
    """The loads into ``target`` from ``source``; ``lake_id`` is the lake's id, where it has one."""

    lake: Lake
    source: Source
    target: Target
    lake_id: str | None = None

    @property
    def prefix(self) -> str:
        """The folder of the history."""
        return history_prefix(self.target.digest)

    @property
    def ledgers(self) -> str:
        """The folder of all ledgers. It contains nothing else, so that one listing shows every day's newest record."""
        return ledgers_prefix(self.target.digest)

    def ledger(self, day: date) -> Ledger:
        """Return the ledger of a day."""
        return Ledger(self.lake, f"{self.ledgers}/{day.isoformat()}", day, self.target.digest)

    def ids_key(self, day: date, digest: str) -> str:
        """Return the key of the ``_id``s of one load."""
        return f"{self.prefix}/ids/{day.isoformat()}/{digest_part(digest)}.parquet"

    def key(self, name: str) -> str:
        """Return the key of the file ``name``.json of the history, such as ``index``."""
        return f"{self.prefix}/{name}.json"

    def bound_source(self) -> Source | None:
        """Return the source that the history is bound to, or None before its first load."""
        binding = self._binding()
        return Source(binding.region, binding.project_id) if binding else None

    def bound_pipeline(self) -> str | None:
        """Return the pipeline of the history's first load, by its name at that time."""
        binding = self._binding()
        return binding.pipeline if binding else None

    def _binding(self) -> _Binding | None:
        """Return the content of the file that binds the history.

        Raises:
            BadManifest: the file is unreadable.
        """
        key = self.key("history")
        body = read_record(self.lake, key)
        if body is None:
            return None
        binding = _read_binding(self.lake, key, body)
        if Target(binding.org_id, binding.aep_sandbox, binding.dataset_id) != self.target:
            raise BadManifest(
                f"{self.lake.uri(key)} describes the history of another dataset.",
                "A file of the lake was moved or copied manually. Restore the lake from a backup.",
            )
        return binding

    def require_source(self) -> bool:
        """Check that the history is not bound to another source; return whether it is bound, as it is from its first load on.

        Raises:
            AnotherSource: the history is bound to another Mixpanel project.
        """
        bound = self.bound_source()
        if bound is not None and bound != self.source:
            raise AnotherSource(
                f"Dataset {self.target.dataset_id} contains events of Mixpanel project {bound}, but the connection "
                f"has project {self.source}.",
                "Correct the Mixpanel connection, or give this project its own dataset in aep.dataset of the "
                "pipeline file. Nothing was sent to AEP.",
            )
        return bound is not None

    def bind(self, pipeline: str, at: str) -> None:
        """Bind the history to its source, unless it is bound. ``at``: the time, as an ISO 8601 text.

        Raises:
            AnotherSource: another run bound the history to another Mixpanel project.
        """
        if self.require_source():
            return
        fields = {**asdict(self.target), **asdict(self.source), "pipeline": pipeline, "at": at}
        create_record(self.lake, self.key("history"), _Binding(**fields).model_dump_json(indent=1).encode())
        self.require_source()


def history_prefix(target: str) -> str:
    """Return the folder of a history; ``target``: the digest of its target."""
    return f"{HISTORIES}/{digest_part(target)}"


def ledgers_prefix(target: str) -> str:
    """Return the folder of a history's ledgers."""
    return f"{history_prefix(target)}/ledger"


def ledger_of(lake: Lake, target: str, day: date) -> Ledger:
    """Return the ledger of a day in any history of the lake."""
    return Ledger(lake, f"{ledgers_prefix(target)}/{day.isoformat()}", day, target)


def bound_pipelines(lake: Lake) -> dict[str, str]:
    """Return the target digests of all histories in a lake, each with the pipeline of its first load.

    Raises:
        BadManifest: a file that binds a history is unreadable.
    """
    found = {}
    for target in lake.folders(HISTORIES):
        body = read_record(lake, f"{history_prefix(target)}/history.json")
        if body is not None:
            found[target] = _read_binding(lake, f"{history_prefix(target)}/history.json", body).pipeline
    return found


def targets_of(lake: Lake, pipeline: str) -> list[Target]:
    """Return the targets of the histories whose first load was made by a pipeline with this name."""
    found = []
    for target in lake.folders(HISTORIES):
        key = f"{history_prefix(target)}/history.json"
        body = read_record(lake, key)
        binding = _read_binding(lake, key, body) if body is not None else None
        if binding is not None and binding.pipeline == pipeline:
            found.append(Target(binding.org_id, binding.aep_sandbox, binding.dataset_id))
    return found


def _read_binding(lake: Lake, key: str, body: bytes) -> _Binding:
    try:
        return _Binding.model_validate(json.loads(body))
    except (ValueError, ValidationError):
        raise BadManifest(
            f"{lake.uri(key)} is not a readable description of a history.",
            "If it is damaged, restore it from a backup. If a newer version wrote it, upgrade mixpanel-aep.",
        ) from None
