"""The sandbox's memory: JSON documents in one SQLite file, and uploaded bytes in files beside it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Store:
    """Documents by (kind, key), in the order of their creation; safe for many threads, kept over restarts."""

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
        """One reader or writer at a time; nothing is written when the block raises."""
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
        with self._lock:
            row = self._db.execute(
                "SELECT body FROM documents WHERE kind=? AND key=?", (kind, key)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, key: str, body: Document) -> None:
        """Insert or replace; a replaced document keeps its place in the order."""
        with self._lock:
            self._db.execute(
                "INSERT INTO documents (kind, key, body) VALUES (?, ?, ?)"
                " ON CONFLICT (kind, key) DO UPDATE SET body=excluded.body",
                (kind, key, json.dumps(body, ensure_ascii=False)),
            )

    def delete(self, kind: str, key: str) -> None:
        with self._lock:
            self._db.execute("DELETE FROM documents WHERE kind=? AND key=?", (kind, key))

    def items(self, kind: str) -> list[tuple[str, Document]]:
        """All documents of a kind as (key, body), oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT key, body FROM documents WHERE kind=? ORDER BY n", (kind,)
            ).fetchall()
        return [(key, json.loads(body)) for key, body in rows]

    def clear(self) -> None:
        """Forget all documents and files."""
        with self._lock:
            self._db.execute("DELETE FROM documents")
            shutil.rmtree(self.folder / "files", ignore_errors=True)

    def count(self, kind: str) -> int:
        """How many documents of a kind there are."""
        with self._lock:
            row = self._db.execute("SELECT COUNT(*) FROM documents WHERE kind=?", (kind,)).fetchone()
        return int(row[0])

    def file(self, *parts: str) -> Path:
        """Where bytes are kept; the folder is made. ``parts`` come from the sandbox, never from a request."""
        path = self.folder.joinpath("files", *parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def close(self) -> None:
        with self._lock:
            self._db.close()
