"""The history of an AEP dataset: the ledger of each day, and the ``_id``s of each load.

A history belongs to one target (dataset), and its folder in the lake is derived from the target's ids. So another
dataset, or a dataset with the same name in another AEP sandbox, has another history. The first load binds the history
to its source, a Mixpanel project: the file ``history.json`` names both.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property

from pydantic import BaseModel, ConfigDict, ValidationError

from include.errors import AnotherSource, BadManifest
from include.lake.keys import HISTORIES, require_digest
from include.lake.lake import Lake
from include.lake.ledger import Ledger
from include.lake.manifest import digest_of
from include.lake.records import create_record, read_record

VERSION = 1


@dataclass(frozen=True)
class Source:
    """A Mixpanel project, identified by its region (``us``, ``eu`` or ``in``) and its project id."""

    region: str
    project_id: int

    def __str__(self) -> str:
        return f"{self.region}/{self.project_id}"


@dataclass(frozen=True)
class Target:
    """An AEP dataset, identified by the ids of its organization, its AEP sandbox and the dataset."""

    org_id: str
    aep_sandbox: str
    dataset_id: str

    def __str__(self) -> str:
        return f"{self.org_id}/{self.aep_sandbox}/{self.dataset_id}"

    @cached_property
    def digest(self) -> str:
        """A digest of the three ids (32 hex digits), which names the target's folder in the lake."""
        return digest_of({"target": [self.org_id, self.aep_sandbox, self.dataset_id]})


class _Binding(BaseModel):
    """The content of ``history.json``: the target, its source, and the pipeline and time of the first load."""

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
    """The loads from ``source`` into ``target``: finds the ledgers and id files, and binds the target to its source.

    ``lake_id``: the lake's id; None if it has no id.
    """

    lake: Lake
    source: Source
    target: Target
    lake_id: str | None = None

    @property
    def prefix(self) -> str:
        """The key of the history's folder."""
        return history_prefix(self.target.digest)

    @property
    def ledgers(self) -> str:
        """The key of the folder with the ledgers of all days, and no other objects: one listing finds all records."""
        return ledgers_prefix(self.target.digest)

    def ledger(self, day: date) -> Ledger:
        """Return the ledger of a day in this history."""
        return Ledger(self.lake, f"{self.ledgers}/{day.isoformat()}", day, self.target.digest)

    def ids_key(self, day: date, digest: str) -> str:
        """Return the key of the Parquet file with the ``_id``s of one load of a day.

        ``digest``: identifies the load, such as the digest of its staged output.
        """
        return f"{self.prefix}/ids/{day.isoformat()}/{require_digest(digest)}.parquet"

    def key(self, name: str) -> str:
        """Return the key of the file ``<name>.json`` in the history's folder, such as ``index.json``."""
        return f"{self.prefix}/{name}.json"

    def bound_source(self) -> Source | None:
        """Return the Mixpanel project that the history is bound to, or None before the first load."""
        binding = self._binding()
        return Source(binding.region, binding.project_id) if binding else None

    def bound_pipeline(self) -> str | None:
        """Return the name of the pipeline that made the history's first load, or None before the first load."""
        binding = self._binding()
        return binding.pipeline if binding else None

    def _binding(self) -> _Binding | None:
        """Return the content of the history's ``history.json``, or None if it is missing.

        Raises:
            BadManifest: the file is unreadable, or describes another target.
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
        """Check that the history does not belong to another Mixpanel project than ``source``.

        Returns:
            True if the history is bound to ``source``; False if it is not bound yet, because nothing was loaded.

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
        """Bind the history to ``source`` by creating ``history.json``, unless it is already bound.

        Args:
            pipeline: the name of the pipeline that makes the first load.
            at: the current time in ISO 8601.

        Raises:
            AnotherSource: the history is bound to another Mixpanel project.
        """
        if self.require_source():
            return
        fields = {**asdict(self.target), **asdict(self.source), "pipeline": pipeline, "at": at}
        create_record(self.lake, self.key("history"), _Binding(**fields).model_dump_json(indent=1).encode())
        self.require_source()


def history_prefix(target: str) -> str:
    """Return the key of a history's folder. ``target``: the digest of its target (``Target.digest``)."""
    return f"{HISTORIES}/{require_digest(target)}"


def ledgers_prefix(target: str) -> str:
    """Return the key of the folder with a history's ledgers. ``target``: the digest of its target."""
    return f"{history_prefix(target)}/ledger"


def ledger_of(lake: Lake, target: str, day: date) -> Ledger:
    """Return the ledger of a day in the history of a target. ``target``: the target's digest."""
    return Ledger(lake, f"{ledgers_prefix(target)}/{day.isoformat()}", day, target)


def bound_pipelines(lake: Lake) -> dict[str, str]:
    """Return the pipeline that made the first load of each history in a lake.

    Returns:
        The pipeline's name by the digest of the history's target. Histories without a load are left out.

    Raises:
        BadManifest: a ``history.json`` is unreadable.
    """
    found = {}
    for target in lake.folders(HISTORIES):
        body = read_record(lake, f"{history_prefix(target)}/history.json")
        if body is not None:
            found[target] = _read_binding(lake, f"{history_prefix(target)}/history.json", body).pipeline
    return found


def targets_of_pipeline(lake: Lake, pipeline: str) -> list[Target]:
    """Return the targets whose first load was made by the pipeline with the name ``pipeline``, in no particular order.

    Raises:
        BadManifest: a ``history.json`` is unreadable.
    """
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
