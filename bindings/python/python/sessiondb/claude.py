"""A `SessionStore` of the Claude Agent SDK in one file.

    from claude_agent_sdk import ClaudeAgentOptions
    from sessiondb.claude import SessionStore

    options = ClaudeAgentOptions(session_store=SessionStore("agent.sessiondb"))

Entries that have a `uuid` are stored once. All methods of the protocol are there. Several stores, threads and
processes may use one file at once.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, cast

try:
    from claude_agent_sdk import fold_session_summary
    from claude_agent_sdk.types import SessionStore as _Protocol
except ModuleNotFoundError as error:
    message = f"sessiondb.claude needs the Claude Agent SDK: pip install 'sessiondb[claude]' ({error})"
    raise ModuleNotFoundError(message, name=error.name) from error

from ._lanes import Lanes
from ._native import Archive, ClaudeStore

if TYPE_CHECKING:
    from types import TracebackType

    from claude_agent_sdk.types import (
        SessionKey,
        SessionListSubkeysKey,
        SessionStoreEntry,
        SessionStoreListEntry,
        SessionSummaryEntry,
    )

__all__ = ["SessionStore"]


class SessionStore(_Protocol):
    """The sessions of the Claude Agent SDK in an archive."""

    def __init__(self, archive: str | os.PathLike[str] | Archive, **options: Any) -> None:
        """Opens the archive of this path, with the options of `Archive`, or uses one that is open."""
        self._owned = None if isinstance(archive, Archive) else Archive(archive, **options)
        self.archive = archive if isinstance(archive, Archive) else cast("Archive", self._owned)
        self._store = ClaudeStore(self.archive)
        self._lanes = Lanes(str(self.archive.path))

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Appends the entries whose `uuid` is not there yet. They are on the disk when it returns."""
        await self._lanes.run(_session(key), self._append, key, entries)

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """All entries of a log, or `None` if it was never written to."""
        return await self._lanes.run(_session(key), self._store.load, _native(key))

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        """The sessions of a project, with the time of their last write."""
        found = await self._lanes.run(project_key, self._store.list_sessions, project_key)
        return [{"session_id": session_id, "mtime": mtime} for session_id, mtime in found]

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        """The summaries of a project's sessions, as the SDK folded them."""
        return await self._lanes.run(project_key, self._summaries, project_key)

    async def delete(self, key: SessionKey) -> None:
        """Removes a log; with the main log of a session all others of it."""
        await self._lanes.run(_session(key), self._store.delete, _native(key))

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        """The subpaths of a session."""
        project_key, session_id = key["project_key"], key["session_id"]
        return await self._lanes.run(_session(key), self._store.list_subkeys, project_key, session_id)

    def close(self) -> None:
        """Ends the threads of the store, and closes the archive that it opened."""
        self._lanes.close()
        self._store.close()
        if self._owned is not None:
            self._owned.close()

    async def __aenter__(self) -> SessionStore:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        while True:
            append = self._store.begin(_native(key), entries)
            if not append.new_entries:
                return
            data = None
            if append.is_main:
                previous: SessionSummaryEntry | None = None
                if append.data is not None:
                    previous = {"session_id": key["session_id"], "mtime": 0, "data": json.loads(append.data)}
                new = append.unfolded() + [entries[place] for place in append.new_entries]
                data = json.dumps(fold_session_summary(previous, key, new)["data"])
            if append.commit(data):
                return

    def _summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        return [
            {"session_id": session_id, "mtime": mtime, "data": json.loads(data)}
            for session_id, mtime, data in self._store.list_summaries(project_key)
        ]


def _session(key: SessionKey | SessionListSubkeysKey) -> tuple[str, str]:
    return key["project_key"], key["session_id"]


def _native(key: SessionKey) -> tuple[str, str, str | None]:
    return key["project_key"], key["session_id"], key.get("subpath")
