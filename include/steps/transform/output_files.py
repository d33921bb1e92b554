"""Upload the output files of a transform: the Parquet files of the rows, and the list of their events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from include.lake.manifest import LakeFile, upload_file
from include.steps.transform.job import Job
from include.steps.transform.second_pass import (
    EVENT_RECORD,
    WrittenPart,
    compacted_path,
    digests_path,
)
from include.steps.workspace import Workspace
from include.xdm.convert.aep_parquet import open_parquet, parquet_reader

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_CHUNK_ROWS = 200_000


class EventsFile:
    """Writes ``events.parquet``, the list of a day's events: ``_id``, ``digest``, ``processed``, ``lines`` of each row.

    ``EVENT_RECORD`` describes the columns. When the day is exported again, ``processed`` and ``lines`` decide which
    rows the new lines supersede.
    """

    def __init__(self, job: Job, path: Path) -> None:
        import pyarrow as pa

        self._job = job
        self._schema = pa.schema(
            [("_id", pa.string()), ("digest", pa.int64()), ("processed", pa.int64()), ("lines", pa.int32())]
        )
        self._file = open_parquet(path, self._schema, {"_id", "digest", "processed"}, compression="zstd")

    def __enter__(self) -> EventsFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, part: WrittenPart) -> None:
        """Add the rows of one output file, in their order, and remove that file's digests from the scratch folder."""
        import numpy as np
        import pyarrow as pa

        source = digests_path(self._job, part.number)
        with source.open("rb") as file, parquet_reader(part.path) as rows:
            for batch in rows.iter_batches(_CHUNK_ROWS, columns=["_id"], use_threads=False):
                records = np.fromfile(file, EVENT_RECORD, batch.num_rows)
                columns = [records[name].copy() for name, _ in EVENT_RECORD]
                self._file.write_table(pa.table([batch["_id"], *columns], schema=self._schema))
        source.unlink()


def upload_parts(
    workspace: Workspace, folder: str, job: Job, parts: Sequence[WrittenPart]
) -> tuple[tuple[LakeFile, ...], LakeFile | None]:
    """Upload the Parquet files of ``parts`` to ``folder`` in the lake, and then the list of their events.

    Each part is removed from the scratch folder after its upload. Return the uploaded files and the list of events
    (None without parts).
    """
    if not parts:
        return (), None
    files, path = [], job.scratch / "events.parquet"

    def upload(number: int, part: WrittenPart) -> LakeFile:
        key = f"{folder}/part-{number:05d}.parquet"
        return upload_file(workspace.lake, key, part.path, part.rows, sha256=part.sha256)

    with EventsFile(job, path) as events, ThreadPoolExecutor(2) as others:
        uploads = others.map(upload, count(), parts)
        try:
            for part in parts:
                events.add(part)
                files.append(next(uploads))
                part.path.unlink()
        except BaseException:
            # Otherwise the context would first upload all parts.
            others.shutdown(wait=False, cancel_futures=True)
            raise
    rows = sum(part.rows for part in parts)
    return tuple(files), upload_file(workspace.lake, f"{folder}/events.parquet", path, rows)


def compacted_by_day(job: Job, written: Sequence[WrittenPart]) -> int:
    """Return how many rows Mixpanel's compaction may merge into another row of the same day.

    Mixpanel merges events with the same name, ``distinct_id`` and ``$insert_id``; the ``_id`` also includes the second
    of the event. The numbers of the events are counted in several passes, to limit the memory.
    """
    import numpy as np

    files = [path for part in written if (path := compacted_path(job, part.number)).stat().st_size]
    total = sum(path.stat().st_size // 8 for path in files)
    passes = 1 << max(0, (total // 1_000_000).bit_length())
    different = 0
    for turn in range(passes if files else 0):
        held = []
        for path in files:
            for chunk in _chunks(path):
                held.append(chunk[(chunk & (passes - 1)) == turn])  # passes is a power of two
        numbers = np.sort(np.concatenate(held))  # takes a tenth of the time of np.unique
        different += int(np.count_nonzero(numbers[1:] != numbers[:-1])) + min(len(numbers), 1)
    return total - different


def _chunks(path: Path) -> Iterator[npt.NDArray[np.int64]]:
    import numpy as np

    with path.open("rb") as file:
        while chunk := file.read(8 * _CHUNK_ROWS):
            yield np.frombuffer(chunk, np.int64)
