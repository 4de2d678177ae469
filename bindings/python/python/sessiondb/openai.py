"""A session of the OpenAI Agents SDK in one file.

    from agents import Agent, Runner
    from sessiondb.openai import Session

    session = Session("user-7", "agent.sessiondb")
    result = await Runner.run(Agent(name="Assistant"), "Hello", session=session)

It takes the place of the SDK's `SQLiteSession`. Several sessions, threads and processes may use one file at once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

try:
    from agents.memory.session import SessionABC
    from agents.memory.session_settings import SessionSettings, coerce_session_settings, resolve_session_limit
except ModuleNotFoundError as error:
    message = f"sessiondb.openai needs the OpenAI Agents SDK: pip install 'sessiondb[openai]' ({error})"
    raise ModuleNotFoundError(message, name=error.name) from error

from ._lanes import Lanes
from ._native import Archive, OpenAiSession

if TYPE_CHECKING:
    from types import TracebackType

    from agents.items import TResponseInputItem
    from agents.memory.session import _CompactionSnapshot

__all__ = ["Session"]

_T = TypeVar("_T")
Validate = Callable[["TResponseInputItem"], None]
PrunePrefix = Callable[["TResponseInputItem"], bool]


class Session(SessionABC):
    """The items of a conversation in an archive."""

    session_settings: SessionSettings | None = None

    def __init__(
        self,
        session_id: str,
        archive: str | os.PathLike[str] | Archive = ":memory:",
        *,
        session_settings: SessionSettings | dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Opens the archive of this path, with the options of `Archive`, or uses one that is open. Without a path the
        session is gone when it is closed.
        """
        self.session_id = session_id
        self.session_settings = (
            SessionSettings() if session_settings is None else coerce_session_settings(session_settings)
        )
        self._owned = None if isinstance(archive, Archive) else _open(archive, options)
        self.archive = archive if isinstance(archive, Archive) else cast("Archive", self._owned)
        self._session = OpenAiSession(self.archive, session_id)
        # One thread: the calls of a session are made one after the other.
        self._lanes = Lanes(str(self.archive.path), 1)
        self._closed = False

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """The items of the session in order; with a limit, or one in the settings, the last ones."""
        self._check_not_closed()
        limit = resolve_session_limit(limit, self.session_settings)
        # As SQLite has it, a negative limit is none.
        most = None if limit is None or limit < 0 else limit
        return await self._lanes.run(None, self._session.items, most)

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Adds items. They are on the disk when it returns."""
        self._check_not_closed()
        if items:
            await _settled(self._lanes.start(None, self._session.add, items))

    async def pop_item(self) -> TResponseInputItem | None:
        """Takes the last item away and returns it, or `None` if there is none."""
        return await self._pop_item_with_validation()

    async def clear_session(self) -> None:
        """Takes all items away."""
        self._check_not_closed()
        await _settled(self._lanes.start(None, self._session.clear))

    def close(self) -> None:
        """Closes the session, and the archive that it opened."""
        self._closed = True
        self._lanes.close()
        self._session.close()
        if self._owned is not None:
            self._owned.close()

    def _check_not_closed(self) -> None:
        if self._closed:
            raise RuntimeError(f"session {self.session_id!r} is closed; open it again")

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def _pop_item_with_validation(self, validate: Validate | None = None) -> TResponseInputItem | None:
        """What the SDK's own sessions have for those that wrap them: `validate` may refuse what would be popped."""
        self._check_not_closed()
        return await _settled(self._lanes.start(None, self._pop, validate))

    def _pop(self, validate: Validate | None) -> TResponseInputItem | None:
        if validate is None:
            return cast("TResponseInputItem | None", self._session.pop())
        while True:
            last = self._session.tail(1)
            if not len(last):
                return None
            (item,) = last.items()
            validate(item)
            if last.replace(0, []):
                return cast("TResponseInputItem", item)

    async def _get_compaction_snapshot(
        self, limit: int, *, prune_prefix: PrunePrefix | None = None
    ) -> _CompactionSnapshot | None:
        """What the SDK's compaction takes in place of reading and writing all."""
        if type(self) is not Session:
            # A subclass may make something else of what is stored.
            return None
        try:
            from agents.memory.session import _CompactionSnapshot
        except ImportError:
            # A version without it reads and writes all.
            return None
        # One more tells whether these are all.
        tail = await self._lanes.run(None, self._session.tail, limit + 1)
        begin = max(0, len(tail) - limit)
        items = tail.items()[begin:]

        async def replace_suffix(start: int, output: list[TResponseInputItem]) -> bool:
            if not items[start:]:
                return False

            def replace() -> bool:
                if prune_prefix is not None and begin + start > 0:
                    return self._replace_and_prune(tail.items()[begin + start :], output, prune_prefix)
                return tail.replace(begin + start, output)

            return await _settled(self._lanes.start(None, replace))

        return _CompactionSnapshot(items, begin == 0, replace_suffix)

    def _replace_and_prune(
        self, expected: list[TResponseInputItem], output: list[TResponseInputItem], is_expired: PrunePrefix
    ) -> bool:
        """Replaces the last items, and takes away those at the beginning that are expired."""
        whole = self._session.tail()
        items = whole.items()
        start = len(items) - len(expected)
        if start < 0 or items[start:] != expected:
            return False
        expired = 0
        while expired < start and is_expired(items[expired]):
            expired += 1
        if expired == 0:
            return whole.replace(start, output)
        return whole.replace(0, [*whole.texts()[expired:start], *output])


async def _settled(change: asyncio.Future[_T]) -> _T:
    """Waits until it is known whether a change was made, also if the caller is cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while not change.done():
        try:
            await asyncio.wait({change})
        except asyncio.CancelledError as error:
            cancelled = cancelled or error
    if cancelled is None:
        return change.result()
    # What became of it is taken note of, or the loop would complain of an error that nobody asked for.
    change.cancelled() or change.exception()
    raise cancelled


def _open(path: str | os.PathLike[str], options: dict[str, Any]) -> Archive:
    if str(path) == ":memory:":
        return Archive.in_memory()
    return Archive(path, **options)
