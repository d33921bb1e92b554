"""Log of the exact lines that complete exports returned, with which tests compare the rows in AEP."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel.export.export_params import ExportParams

_KIND = "mixpanel_export"


class ExportLog:
    """The responses of all complete exports, as the bytes that were sent. Identical responses are stored only once."""

    def __init__(self, state: SandboxState) -> None:
        self._state, self._store = state, state.store
        self._lock = threading.Lock()
        self._pending = 0

    def record(
        self, project_id: int, export_params: ExportParams, query: Mapping[str, str]
    ) -> ExportRecording:
        """Start the recording of an export's response.

        Args:
            project_id: the id of the exported project.
            export_params: the parsed parameters of the export.
            query: the query parameters as the client sent them.
        """
        with self._lock:
            self._pending += 1
            path = self._store.file("mixpanel", "returned", f"pending-{self._pending}")
        parameters = {
            "project_id": project_id,
            "from_date": export_params.from_date.isoformat(),
            "to_date": export_params.to_date.isoformat(),
            **{name: query[name] for name in ("event", "where", "limit", "time_in_ms") if name in query},
        }
        return ExportRecording(self, path, parameters)

    def add(self, parameters: JsonObject, pending: Path, digest: str) -> None:
        """Add a complete export to the log: rename the file ``pending`` to its digest, and store the parameters."""
        with self._lock:
            if pending.exists():
                pending.replace(self._store.file("mixpanel", "returned", digest))
            number = self._store.count(_KIND) + 1
            at = self._state.clock.now().isoformat(timespec="milliseconds")
            self._store.put(_KIND, str(number), {"export": number, "at": at, **parameters, "content": digest})

    def exports(self, project_id: int | None, from_date: str, to_date: str) -> list[JsonObject]:
        """Return the log entries of exports whose days are in a range, oldest first.

        Args:
            project_id: the id of the exported project; None: all projects.
            from_date: the first day of the range as YYYY-MM-DD; empty: no limit.
            to_date: the last day of the range as YYYY-MM-DD; empty: no limit.
        """
        return [
            body
            for _, body in self._store.items(_KIND)
            if project_id in (None, body["project_id"])
            and (not from_date or body["from_date"] >= from_date)
            and (not to_date or body["to_date"] <= to_date)
        ]

    def lines(self, project_id: int | None, from_date: str = "", to_date: str = "") -> Iterator[bytes]:
        """Yield each line of the exports that ``exports`` returns, as a line of JSON ``{"export": n, "line": text}``.

        A line that is not UTF-8 has ``line_base64`` instead of ``line``.
        """
        for export in self.exports(project_id, from_date, to_date):
            path = self._store.file("mixpanel", "returned", export["content"])
            if not path.exists():
                continue
            opened: BinaryIO = (
                gzip.open(path, "rb") if export["content"].endswith(".gz") else path.open("rb")  # type: ignore[assignment]  # noqa: SIM115
            )
            with opened as file:
                for line in file:
                    yield _entry(export["export"], line.removesuffix(b"\n"))


class ExportRecording:
    """The response bytes of a running export, in a file.

    They are added to the log of exports if the client receives all of them, and deleted otherwise.
    """

    def __init__(self, log: ExportLog, path: Path, parameters: JsonObject) -> None:
        self._log, self._path, self._parameters = log, path, parameters
        self._digest = hashlib.sha256()
        self._suffix = ""

    def tee(self, pieces: Iterable[bytes], *, gzip: bool) -> Iterator[bytes]:
        """Yield the pieces of the response unchanged, and write each piece to the recording's file."""
        self._suffix = ".gz" if gzip else ""
        with self._path.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                self._digest.update(piece)
                file.flush()
                yield piece

    def end(self, complete: bool) -> None:
        """Add the recording to the log if the client received the complete export; otherwise delete the recording."""
        if complete:
            self._log.add(self._parameters, self._path, self._digest.hexdigest() + self._suffix)
        else:
            self._path.unlink(missing_ok=True)


def _entry(number: int, line: bytes) -> bytes:
    try:
        entry: JsonObject = {"export": number, "line": line.decode("utf-8")}
    except UnicodeDecodeError:
        entry = {"export": number, "line_base64": base64.b64encode(line).decode()}
    return json.dumps(entry, ensure_ascii=False).encode() + b"\n"
