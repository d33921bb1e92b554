"""Finds datasets and batches with AEP's Catalog Service (AdobeDocs/experience-platform-apis, catalog.yaml)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from include.aep.http import AepHttp, endless_list
from include.aep.model import Batch, Dataset, read_dataset
from include.errors import DatasetMissing, RequestRefused
from include.http.response import Response
from include.json_types import JsonObject

_BASE = ("data", "foundation", "catalog")
_PAGE = 100  # allowed: 1 to 100
_MOST_PAGES = 1000


class Catalog:
    """Finds, creates and tags the datasets of an AEP sandbox, and finds their batches."""

    def __init__(self, http: AepHttp) -> None:
        self._http = http

    def find_dataset(self, name: str) -> Dataset | None:
        """Return the dataset whose id or whose exact name is ``name``; None if AEP has neither.

        Raises:
            DatasetMissing: several datasets have the name.
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
                "Write the id of the correct one in aep.dataset, or ask a user with the permission Manage Datasets to rename "
                "the others in AEP.",
            )
        return same[0] if same else None

    def require_dataset(self, name: str) -> Dataset:
        """Return the dataset whose id or whose exact name is ``name``.

        Raises:
            DatasetMissing: no dataset has the name, or several have it.
        """
        dataset = self.find_dataset(name)
        if dataset is None:
            raise DatasetMissing(
                f"AEP has no dataset named {name!r}.",
                "Correct aep.dataset in the pipeline file, or create the dataset with mixpanel-aep apply or the setup DAG.",
            )
        return dataset

    def dataset(self, dataset_id: str) -> Dataset | None:
        """Return the dataset with this id; None if AEP has no such dataset."""
        body = self._http.find((*_BASE, "dataSets", dataset_id), "look up a dataset", _entries)
        entry = (body or {}).get(dataset_id)
        return read_dataset(dataset_id, entry) if entry is not None else None

    def create_dataset(self, body: Mapping[str, object]) -> str:
        """Create a dataset and return its id.

        Raises:
            RequestRefused: the response does not contain an id.
        """
        created = self._http.send_json("POST", (*_BASE, "dataSets"), "create a dataset", body, Response.json)
        reference = created[0] if isinstance(created, list) and created else ""
        dataset_id = str(reference).rpartition("/")[2]
        if not str(reference).startswith("@/dataSets/") or not dataset_id:
            raise RequestRefused(
                "AEP created a dataset but returned no dataset id.", "Find the dataset in AEP by its name."
            )
        return dataset_id

    def tag_dataset(self, dataset: Dataset, tags: Mapping[str, list[str]]) -> None:
        """Write ``tags`` to a dataset, in addition to its other tags (EP:catalog/api/update-object.md)."""
        # Adobe does not document whether a PATCH merges or replaces tags, so all of them are sent.
        body = {"tags": {**dataset["tags"], **tags}}
        self._http.send_json(
            "PATCH", (*_BASE, "dataSets", dataset["id"]), "tag a dataset", body, Response.optional_json
        )

    def batch(self, batch_id: str) -> Batch | None:
        """Return the batch with this id; None if AEP does not find it, as may happen shortly after its creation."""
        body = self._http.find((*_BASE, "batches", batch_id), "look up a batch", _entries)
        entry = (body or {}).get(batch_id)
        return Batch.read(batch_id, entry) if entry is not None else None

    def find_batches(self, dataset_id: str, external_id: str) -> tuple[Batch, ...]:
        """Return the batches of a dataset that were created with this ``externalId``, oldest first.

        Several batches are possible: AEP expects the id to be unique, but does not document that it enforces this.
        """
        params = {"externalId": external_id, "dataSet": dataset_id, "orderBy": "desc:created"}
        found = [
            Batch.read(key, body)
            for key, body in self._pages("batches", "find batches by externalId", params)
        ]
        ours = [b for b in found if b.external_id == external_id and b.dataset_id in (None, dataset_id)]
        return tuple(sorted(ours, key=lambda batch: batch.created_ms))

    def batches_created_after(self, dataset_id: str, moment_ms: int | None) -> tuple[Batch, ...]:
        """Return all batches of a dataset, or those created after ``moment_ms`` (epoch milliseconds), oldest first."""
        params = {"dataSet": dataset_id, "orderBy": "asc:created"}
        if moment_ms is not None:
            params["createdAfter"] = str(moment_ms)
        found = [Batch.read(key, body) for key, body in self._pages("batches", "list batches", params)]
        ours = [batch for batch in found if batch.dataset_id in (None, dataset_id)]
        return tuple(sorted(ours, key=lambda batch: (batch.created_ms, batch.id)))

    def open_batches(self, dataset_id: str) -> tuple[Batch, ...]:
        """Return the batches of a dataset that are open for upload, oldest first."""
        params = {"dataSet": dataset_id, "status": "loading", "orderBy": "desc:created"}
        found = [Batch.read(key, body) for key, body in self._pages("batches", "find open batches", params)]
        ours = [batch for batch in found if batch.dataset_id in (None, dataset_id)]
        return tuple(sorted(ours, key=lambda batch: batch.created_ms))

    def active_batch_ids(self, dataset_id: str) -> list[str]:
        """Return the ids of the active batches of a dataset, in any order; only their rows are readable."""
        found: dict[str, None] = {}
        for status in ("success", "active"):  # synonyms (EP:ingestion/batch-ingestion/troubleshooting.md)
            params = {"dataSet": dataset_id, "status": status, "orderBy": "desc:created"}
            for key, body in self._pages("batches", "list active batches", params):
                batch = Batch.read(key, body)
                if batch.dataset_id in (None, dataset_id) and batch.status == status:
                    found[key] = None
        return list(found)

    def _pages(self, kind: str, what: str, params: dict[str, str]) -> Iterator[tuple[str, JsonObject]]:
        """Yield the id and the JSON of every entry of a paged list.

        ``kind``: the list, ``dataSets`` or ``batches``. ``what``: the request as an infinitive clause, for error
        messages.
        """
        seen: set[str] = set()
        for number in range(_MOST_PAGES):
            page = params | {"limit": str(_PAGE), "start": str(number * _PAGE)}
            entries = self._http.get((*_BASE, kind), what, _entries, page)
            fresh = {key: body for key, body in entries.items() if key not in seen}
            yield from fresh.items()
            seen |= fresh.keys()
            if len(entries) < _PAGE or not fresh:  # only known entries: the server ignores `start`
                return
        raise endless_list(what)


def is_dataset_id(name: str) -> bool:
    """Return whether ``name`` has the form of a dataset id: 24 lower-case hex digits."""
    return re.fullmatch(r"[0-9a-f]{24}", name) is not None


def _entries(response: Response) -> dict[str, JsonObject]:
    """Return the entries of one page of a catalog list, by id.

    Raises:
        ServiceUnavailable: the response is not such a list, for example an error in JSON, which must not count as
            empty.
    """
    body = response.json_object()
    if all(isinstance(entry, dict) for entry in body.values()):
        return body
    raise response.unexpected("JSON that is not a catalog list")
