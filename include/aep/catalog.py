"""Catalog Service: datasets and batches (AdobeDocs/experience-platform-apis, catalog.yaml)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from include.aep.http import AepHttp, JsonObject
from include.aep.model import Batch, Dataset, read_dataset
from include.errors import DatasetMissing, NotFound, RequestRefused
from include.http.response import Response

_BASE = ("data", "foundation", "catalog")
_PAGE = 100  # 1..100; limit=0 is refused
_MOST_PAGES = 1000


class Catalog:
    """Finds and creates datasets, finds batches."""

    def __init__(self, http: AepHttp) -> None:
        self._http = http

    def find_dataset(self, name: str) -> Dataset | None:
        """The dataset of exactly this name, or of this id.

        Raises:
            DatasetMissing: several have it, so that none of them is meant.
        """
        if is_dataset_id(name) and (found := self.dataset(name)) is not None:
            return found
        same = [
            dataset
            for key, body in self._pages("dataSets", "find a dataset by name", {"name": name})
            if (dataset := read_dataset(key, body))["name"] == name
        ]
        if len(same) > 1:
            raise DatasetMissing(
                f"AEP has {len(same)} datasets named {name!r}: {', '.join(dataset['id'] for dataset in same)}.",
                "Rename all but one of them in AEP.",
            )
        return same[0] if same else None

    def require_dataset(self, name: str) -> Dataset:
        """The dataset of exactly this name, or of this id.

        Raises:
            DatasetMissing: there is none, or there are several.
        """
        dataset = self.find_dataset(name)
        if dataset is None:
            raise DatasetMissing(
                f"AEP has no dataset named {name!r}.",
                "Correct aep.dataset of the pipeline file, or create it: mixpanel-aep apply, or the setup DAG.",
            )
        return dataset

    def dataset(self, dataset_id: str) -> Dataset | None:
        """The dataset of this id, None where AEP knows of none."""
        body = self._http.find((*_BASE, "dataSets", dataset_id), "look up a dataset", _entries)
        entry = (body or {}).get(dataset_id)
        return read_dataset(dataset_id, entry) if entry is not None else None

    def create_dataset(self, body: Mapping[str, Any]) -> str:
        """Creates a dataset; its id.

        Raises:
            RequestRefused: AEP answered without an id.
        """
        answer = self._http.send_json("POST", (*_BASE, "dataSets"), "create a dataset", body, Response.json)
        reference = answer[0] if isinstance(answer, list) and answer else ""
        dataset_id = str(reference).rpartition("/")[2]
        if not str(reference).startswith("@/dataSets/") or not dataset_id:
            raise RequestRefused(
                "AEP did not tell the id of the dataset that it created.", "Look for it in AEP by its name."
            )
        return dataset_id

    def tag_dataset(self, dataset: Dataset, tags: Mapping[str, list[str]]) -> None:
        """Write tags of a dataset and keep all its others (EP:catalog/api/update-object.md)."""
        # Whether AEP merges tags or replaces them all is not documented, so all of them are sent.
        body = {"tags": {**dataset["tags"], **tags}}
        self._http.send_json(
            "PATCH", (*_BASE, "dataSets", dataset["id"]), "tag a dataset", body, Response.optional_json
        )

    def batch(self, batch_id: str) -> Batch | None:
        """The batch of this id; None where AEP knows of none, which for a new batch may change."""
        body = self._http.find((*_BASE, "batches", batch_id), "look up a batch", _entries)
        entry = (body or {}).get(batch_id)
        return Batch.read(batch_id, entry) if entry is not None else None

    def find_batches(self, dataset_id: str, external_id: str) -> tuple[Batch, ...]:
        """The batches of a dataset that were created with this ``externalId``, oldest first.

        More than one is possible: AEP expects the id to be unique and is not documented to enforce it.
        """
        params = {"externalId": external_id, "dataSet": dataset_id, "orderBy": "desc:created"}
        found = [
            Batch.read(key, body)
            for key, body in self._pages("batches", "find batches by externalId", params)
        ]
        ours = [b for b in found if b.external_id == external_id and b.dataset_id in (None, dataset_id)]
        return tuple(sorted(ours, key=lambda batch: batch.created_ms))

    def batches_created_after(self, dataset_id: str, moment_ms: int | None) -> tuple[Batch, ...]:
        """All batches of a dataset, or those created after ``moment_ms`` (epoch milliseconds), oldest first."""
        params = {"dataSet": dataset_id, "orderBy": "asc:created"}
        if moment_ms is not None:
            params["createdAfter"] = str(moment_ms)
        found = [Batch.read(key, body) for key, body in self._pages("batches", "list batches", params)]
        ours = [batch for batch in found if batch.dataset_id in (None, dataset_id)]
        return tuple(sorted(ours, key=lambda batch: (batch.created_ms, batch.id)))

    def open_batches(self, dataset_id: str) -> tuple[Batch, ...]:
        """The batches of a dataset that are being filled, oldest first."""
        params = {"dataSet": dataset_id, "status": "loading", "orderBy": "desc:created"}
        found = [Batch.read(key, body) for key, body in self._pages("batches", "find open batches", params)]
        ours = [batch for batch in found if batch.dataset_id in (None, dataset_id)]
        return tuple(sorted(ours, key=lambda batch: batch.created_ms))

    def active_batch_ids(self, dataset_id: str) -> list[str]:
        """The ids of the batches of a dataset whose rows can be read, in no particular order."""
        found: dict[str, None] = {}
        for status in ("success", "active"):  # synonyms (EP:ingestion/batch-ingestion/troubleshooting.md)
            params = {"dataSet": dataset_id, "status": status, "orderBy": "desc:created"}
            for key, body in self._pages("batches", "list active batches", params):
                batch = Batch.read(key, body)
                if batch.dataset_id in (None, dataset_id) and batch.status == status:
                    found[key] = None
        return list(found)

    def _pages(self, kind: str, what: str, params: dict[str, str]) -> Iterator[tuple[str, JsonObject]]:
        seen: set[str] = set()
        for number in range(_MOST_PAGES):
            page = params | {"limit": str(_PAGE), "start": str(number * _PAGE)}
            entries = self._http.get((*_BASE, kind), what, _entries, page)
            fresh = {key: body for key, body in entries.items() if key not in seen}
            yield from fresh.items()
            seen |= fresh.keys()
            if len(entries) < _PAGE or not fresh:  # nothing new: this server does not know `start`
                return
        raise NotFound(f"AEP's list does not end, when asked to {what}.", "Ask Adobe why its pages repeat.")


def is_dataset_id(name: str) -> bool:
    """Whether a text has the form of a dataset's id: 24 hex digits."""
    return re.fullmatch(r"[0-9a-f]{24}", name) is not None


def _entries(answer: Response) -> dict[str, JsonObject]:
    """The catalog's kind of list: objects by their id. Anything else must not look like a list of nothing."""
    body = answer.json_object()
    if all(isinstance(entry, dict) for entry in body.values()):
        return body
    raise answer.unexpected("JSON that is not a list of the catalog")
