"""Reads AEP's data lake by downloading the Parquet files of batches from the Data Access API (OAS:data-access.yaml).

One of Adobe's pages calls this API deprecated, so it is used only for pipelines with ``verify.reader: data_access``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import urllib3

from include.aep.data_lake.fingerprint import BUCKET_DIGITS, Bucket, fingerprint_of
from include.aep.data_lake.reader import DataLakeReader, Window, names_in_order, prefixes_of
from include.aep.http import AepHttp, endless_list, objects_in
from include.aep.model import Dataset
from include.errors import AccessDenied, LakeNotReadable, RequestRefused, ServiceUnavailable
from include.http.response import Response
from include.json_types import JsonObject
from include.xdm.convert.aep_parquet import parquet_reader

_BASE = ("data", "foundation", "export")
_PAGE = 100
_MOST_PAGES = 1000
_ROWS = 65_536
_HINT = "Use Query Service instead (verify.reader: query_service); Adobe has deprecated Data Access."


class DataAccessReader(DataLakeReader):
    """Reads rows of a dataset by downloading the Parquet files of its active batches.

    Every method downloads all files of the batches, also for a window with few rows. ``fingerprints_of`` has the ids of
    all its windows in memory: call it for a few days at a time. ``active_batches``: returns the ids of the active
    batches of the dataset with an id.
    """

    def __init__(self, http: AepHttp, active_batches: Callable[[str], Iterable[str]]) -> None:
        self._http = http
        self._active_batches = active_batches

    @property
    def query_seconds(self) -> float:
        """Always 0, because this reader runs no queries."""
        return 0.0

    def batch_ids(self, batch_id: str) -> Iterator[str]:
        """Yield the ``_id`` of every row of an active batch, file by file.

        Raises:
            LakeNotReadable: AEP does not serve the files.
            ServiceUnavailable: a download is truncated, or AEP does not respond.
        """
        return (key for key, _ in self.batch_rows(batch_id))

    def batch_rows(self, batch_id: str) -> Iterator[tuple[str, datetime]]:
        """Yield the ``_id`` and ``timestamp`` of every row of an active batch, file by file.

        Raises:
            LakeNotReadable: AEP does not serve the files.
            ServiceUnavailable: a download is truncated, or AEP does not respond.
        """
        for file in self._pages((*_BASE, "batches", batch_id, "files"), "list the files of a batch"):
            key = file.get("dataSetFileId")
            if not isinstance(key, str) or not key:
                raise ServiceUnavailable("AEP lists a file of a batch without an id.", "Run the task again.")
            for part in self._pages((*_BASE, "files", key), "list the parts of a file"):
                name = str(part.get("name") or "")
                if name.startswith("_"):  # Spark's _SUCCESS
                    continue
                if not name.endswith(".parquet"):
                    raise LakeNotReadable(
                        "Data Access returned a file of the dataset that is not Parquet.", _HINT
                    )
                yield from self._rows_of(key, name)

    def rows_by_batch(self, dataset: Dataset, start: datetime, end: datetime) -> dict[str, int]:
        """Return the number of rows in a window by source batch; see ``DataLakeReader``."""
        found: dict[str, int] = {}
        for _, batch in self.ids(dataset, start, end):
            found[batch] = found.get(batch, 0) + 1
        return found

    def fingerprints_of(
        self,
        dataset: Dataset,
        windows: Mapping[str, Window],
        *,
        batches: Collection[str] | None = None,
        digits: int = BUCKET_DIGITS,
    ) -> dict[str, dict[str, Bucket]]:
        """Return the fingerprints of several windows, see ``DataLakeReader``; each file is downloaded only once."""
        names = names_in_order(windows)
        keys: dict[str, list[str]] = {name: [] for name in windows}
        for batch in self._selected(dataset, batches):
            for key, moment in self.batch_rows(batch):
                name = next((each for each in names if windows[each].contains(moment)), None)
                if name is not None:
                    keys[name].append(key)
        return {name: fingerprint_of(found, digits=digits) for name, found in keys.items()}

    def ids(
        self,
        dataset: Dataset,
        start: datetime,
        end: datetime,
        prefix: str | Collection[str] = "",
        *,
        batches: Collection[str] | None = None,
    ) -> Iterator[tuple[str, str]]:
        """Yield the ``_id`` and the source batch of every row in a window; see ``DataLakeReader``."""
        window = Window(start, end)
        length, prefixes = prefixes_of(prefix)
        for batch in self._selected(dataset, batches):
            for key, moment in self.batch_rows(batch):
                if window.contains(moment) and (not length or key[:length] in prefixes):
                    yield key, batch

    def close(self) -> None:
        """Do nothing: no connection is open between calls."""

    def _selected(self, dataset: Dataset, batches: Collection[str] | None) -> list[str]:
        active = self._active_batches(dataset["id"])
        return [batch for batch in active if batches is None or batch in batches]

    def _pages(self, path: tuple[str, ...], what: str) -> Iterator[JsonObject]:
        seen = 0
        for _ in range(_MOST_PAGES):
            page = {"limit": str(_PAGE), "start": str(seen)}
            body = self._read(path, what, page)
            entries = list(objects_in(body.get("data")))
            yield from entries
            seen += len(entries)
            links = body.get("_links")
            if not entries or not isinstance(links, dict) or "next" not in links:
                return
        raise endless_list(what)

    def _read(self, path: tuple[str, ...], what: str, params: dict[str, str]) -> JsonObject:
        try:
            return self._http.get(path, what, Response.json_object, params)
        except (AccessDenied, RequestRefused) as error:
            raise LakeNotReadable(
                f"AEP did not serve the dataset's files through Data Access. {error.sentence}", _HINT
            ) from error

    def _rows_of(self, key: str, name: str) -> Iterator[tuple[str, datetime]]:
        import pyarrow as pa

        with tempfile.TemporaryDirectory(prefix="data-lake-") as folder:
            path = Path(folder) / "part.parquet"
            self._download(key, name, path)
            try:
                with parquet_reader(path) as file:
                    for rows in file.iter_batches(batch_size=_ROWS, columns=["_id", "timestamp"]):
                        columns = rows.to_pydict()
                        for event_id, moment in zip(columns["_id"], columns["timestamp"], strict=True):
                            yield str(event_id), _aware(moment)
            except (pa.ArrowInvalid, KeyError) as error:
                raise ServiceUnavailable(
                    f"A file of the data lake is not a Parquet file with _id and timestamp ({type(error).__name__}).",
                    "Run the task again.",
                ) from error

    def _download(self, key: str, name: str, path: Path) -> None:
        problem = ""
        try:
            with (
                closing(
                    self._http.stream((*_BASE, "files", key), "download a file of a batch", {"path": name})
                ) as response,
                path.open("wb") as file,
            ):
                for piece in response.chunks():
                    file.write(piece)
                problem = "" if response.length in (None, file.tell()) else "wrong length"
        except (AccessDenied, RequestRefused) as error:
            raise LakeNotReadable(
                f"AEP did not serve the dataset's files through Data Access. {error.sentence}", _HINT
            ) from error
        except urllib3.exceptions.HTTPError as fault:
            problem = type(fault).__name__
        if problem:
            raise ServiceUnavailable(
                f"The download of a file of a batch is truncated ({problem}).", "Run the task again."
            )


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
