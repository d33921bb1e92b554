"""The sandbox's storage: JSON documents in one SQLite file, and uploaded files in the same folder."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mixpanel_aep_sandbox.core.json_types import JsonObject

Document = JsonObject


class Store:
    """JSON documents, each with a kind and a key, in the order of creation. Thread-safe; the data survives restarts."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lock = threading.RLock()
        self._db = sqlite3.connect(folder / "sandbox.sqlite", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS documents (n INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL,"
            " body TEXT NOT NULL, UNIQUE (kind, key))"
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block as one transaction, while other threads wait; roll back if the block raises.

        A transaction inside another transaction of the same thread becomes part of the outer one.
        """
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def get(self, kind: str, key: str) -> Document | None:
        """Return the document with this kind and key, or None if it does not exist."""
        with self._lock:
            row = self._db.execute(
                "SELECT body FROM documents WHERE kind=? AND key=?", (kind, key)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, key: str, body: Document) -> None:
        """Insert or replace a document; a replaced document keeps its position in the order of creation."""
        with self._lock:
            self._db.execute(
                "INSERT INTO documents (kind, key, body) VALUES (?, ?, ?)"
                " ON CONFLICT (kind, key) DO UPDATE SET body=excluded.body",
                (kind, key, json.dumps(body, ensure_ascii=False)),
            )

    def delete(self, kind: str, key: str) -> None:
        """Delete a document; do nothing if it does not exist."""
        with self._lock:
            self._db.execute("DELETE FROM documents WHERE kind=? AND key=?", (kind, key))

    def items(self, kind: str) -> list[tuple[str, Document]]:
        """Return all documents of a kind as (key, body), oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT key, body FROM documents WHERE kind=? ORDER BY n", (kind,)
            ).fetchall()
        return [(key, json.loads(body)) for key, body in rows]

    def clear(self) -> None:
        """Delete all documents of all kinds, and all files."""
        with self._lock:
            self._db.execute("DELETE FROM documents")
            shutil.rmtree(self.folder / "files", ignore_errors=True)

    def count(self, kind: str) -> int:
        """Return the number of documents of a kind."""
        with self._lock:
            row = self._db.execute("SELECT COUNT(*) FROM documents WHERE kind=?", (kind,)).fetchone()
        return int(row[0])

    def file(self, *parts: str) -> Path:
        """Return the path of a file in the store, and create its folder but not the file.

        ``parts`` are the components of the path below the folder of all files. They must not come from a request.
        """
        path = self.folder.joinpath("files", *parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()
