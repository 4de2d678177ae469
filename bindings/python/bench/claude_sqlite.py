"""A session store of the Claude Agent SDK on SQLite, for comparison: the SDK has none of its own.

It does what the SDK asks of stores and no more: one row an entry, an index over `uuid`, and the summaries folded in
the same transaction; a journal written ahead and a sync for each commit, as in the SQLite stores of other SDKs.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from claude_agent_sdk import fold_session_summary

_SCHEMA = """
PRAGMA journal_mode=WAL;
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY, project TEXT, session TEXT, subpath TEXT, uuid TEXT, data TEXT);
CREATE INDEX IF NOT EXISTS of_log ON entries (project, session, subpath, id);
CREATE UNIQUE INDEX IF NOT EXISTS once ON entries (project, session, subpath, uuid) WHERE uuid IS NOT NULL;
CREATE TABLE IF NOT EXISTS sessions (
    project TEXT, session TEXT, mtime INTEGER, data TEXT, PRIMARY KEY (project, session));
"""


class SqliteStore:
    """Sessions in tables."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.executescript(_SCHEMA)
        self._lock = threading.Lock()

    async def append(self, key: Any, entries: list[Any]) -> None:
        await asyncio.to_thread(self._append, key, entries)

    async def load(self, key: Any) -> list[Any] | None:
        return await asyncio.to_thread(self._load, key)

    async def list_sessions(self, project_key: str) -> list[Any]:
        return await asyncio.to_thread(self._list, project_key)

    async def list_session_summaries(self, project_key: str) -> list[Any]:
        return await asyncio.to_thread(self._summaries, project_key)

    def close(self) -> None:
        self._connection.close()

    def _append(self, key: Any, entries: list[Any]) -> None:
        log = (key["project_key"], key["session_id"], key.get("subpath") or "")
        with self._lock, self._connection as connection:
            new = []
            for entry in entries:
                row = (*log, entry.get("uuid"), json.dumps(entry))
                made = connection.execute(
                    "INSERT OR IGNORE INTO entries (project, session, subpath, uuid, data) VALUES (?, ?, ?, ?, ?)", row
                )
                if made.rowcount:
                    new.append(entry)
            if not new or key.get("subpath"):
                return
            found = connection.execute("SELECT mtime, data FROM sessions WHERE project = ? AND session = ?", log[:2])
            row = found.fetchone()
            before: Any = row and {"session_id": log[1], "mtime": row[0], "data": json.loads(row[1])}
            data = json.dumps(fold_session_summary(before, key, new)["data"])
            connection.execute(
                "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?)", (*log[:2], int(time.time() * 1000), data)
            )

    def _load(self, key: Any) -> list[Any] | None:
        log = (key["project_key"], key["session_id"], key.get("subpath") or "")
        with self._lock:
            rows = self._connection.execute(
                "SELECT data FROM entries WHERE project = ? AND session = ? AND subpath = ? ORDER BY id", log
            ).fetchall()
        return [json.loads(row[0]) for row in rows] or None

    def _list(self, project_key: str) -> list[Any]:
        with self._lock:
            rows = self._connection.execute("SELECT session, mtime FROM sessions WHERE project = ?", (project_key,))
            return [{"session_id": session, "mtime": mtime} for session, mtime in rows]

    def _summaries(self, project_key: str) -> list[Any]:
        with self._lock:
            rows = self._connection.execute(
                "SELECT session, mtime, data FROM sessions WHERE project = ?", (project_key,)
            )
            return [
                {"session_id": session, "mtime": mtime, "data": json.loads(data)} for session, mtime, data in rows
            ]
