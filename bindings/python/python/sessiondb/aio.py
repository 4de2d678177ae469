"""The same for event loops: calls that block no loop.

    import sessiondb.aio

    async with await sessiondb.aio.open("agent.sessiondb") as archive:
        log = archive.log()
        await log.append({"kind": "user", "text": "hello"})
        async for change in await archive.changes():
            ...

Calls are made by a few threads. Those on one log are made in the order in which they were begun. A call that is
cancelled while it waits for its turn is not made; one that runs already is, and its outcome is lost.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from . import _native
from ._lanes import Lanes
from ._native import (
    Change,
    Closed,
    Entry,
    Hit,
    Receipt,
    SegmentInfo,
    SessionInfo,
    SessionPage,
)

if TYPE_CHECKING:
    from types import TracebackType
    from uuid import UUID

    from ._native import Durability, Id, IntoEntry, Metadata, Report

__all__ = ["AsyncArchive", "AsyncChanges", "AsyncLog", "open"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_ENTRIES_AT_A_TIME = 256
_HITS_AT_A_TIME = 32
_CHANGES_AHEAD = 1024


async def open(path: str | os.PathLike[str], **options: Any) -> AsyncArchive:
    """Opens an archive with the options of `sessiondb.Archive`."""
    archive = await asyncio.to_thread(_native.Archive, path, **options)
    return AsyncArchive(archive)


class AsyncArchive:
    """An open archive. As a context it is closed at its end."""

    def __init__(self, archive: _native.Archive) -> None:
        self.archive = archive
        """The same without waiting by a loop."""
        self._lanes = Lanes(str(archive.path))

    async def _run(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await self._lanes.run(None, call, *args, **kwargs)

    async def call(
        self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Makes any call of the library, such as `archive.call(archive.archive.backup, path)`."""
        return await self._run(call, *args, **kwargs)

    def log(self, session_id: Id | None = None, segment_id: Id | None = None) -> AsyncLog:
        """The log of a segment. It is made by the first append. Without ids it is a new one."""
        return AsyncLog(self._lanes, self.archive.log(session_id, segment_id))

    def trace(self, session_id: Id, segment_id: Id) -> AsyncLog:
        """The traces of a segment."""
        return AsyncLog(self._lanes, self.archive.trace(session_id, segment_id))

    async def batch(self) -> _native.Batch:
        """Several changes that are made together or not at all, by `commit`."""
        return await self._run(self.archive.batch)

    async def commit(self, batch: _native.Batch) -> None:
        """Makes the changes of a batch."""
        await self._run(batch.commit)

    async def commit_or(self, batch: _native.Batch, otherwise: _native.Batch) -> bool:
        """Makes the changes of a batch, or of the other one. Returns whether it was the first."""
        return await self._run(batch.commit_or, otherwise)

    async def snapshot(self) -> _native.Snapshot:
        """The archive as it is now. Its calls go by `call`."""
        return await self._run(self.archive.snapshot)

    async def changes(self) -> AsyncChanges:
        """Tells each change from now on."""
        return AsyncChanges(await self._run(self.archive.changes))

    async def session(self, session_id: Id) -> SessionInfo | None:
        """A session, or `None`."""
        return await self._run(self.archive.session, session_id)

    async def segment(self, session_id: Id, segment_id: Id) -> SegmentInfo | None:
        """A segment, or `None`."""
        return await self._run(self.archive.segment, session_id, segment_id)

    async def sessions(self) -> list[SessionInfo]:
        """All sessions by descending id."""
        return await self._run(self.archive.sessions)

    async def segments(self, session_id: Id) -> list[SegmentInfo]:
        """The segments of a session by descending id."""
        return await self._run(self.archive.segments, session_id)

    async def query_sessions(
        self,
        *,
        limit: int = 50,
        after: str | None = None,
        since_ms: int = 0,
        until_ms: int | None = None,
        trashed: bool = False,
        hidden: bool = False,
    ) -> SessionPage:
        """A page of sessions, the last used first."""

        def query() -> SessionPage:
            return self.archive.snapshot().query_sessions(
                limit=limit, after=after, since_ms=since_ms, until_ms=until_ms, trashed=trashed, hidden=hidden
            )

        return await self._run(query)

    async def summary(self, session_id: Id) -> Report | None:
        """What a list shows of a session."""
        return await self._run(lambda: self.archive.snapshot().summary(session_id))

    async def search(self, pattern: str, **options: Any) -> AsyncIterator[Hit]:
        """Looks for a pattern in what was said, with the options of `Snapshot.search`."""
        search = await self._run(lambda: self.archive.snapshot().search(pattern, **options))
        try:
            while hits := await self._run(_some, search, _HITS_AT_A_TIME):
                for hit in hits:
                    yield hit
        finally:
            await self._run(search.close)

    async def metadata(self, session_id: Id) -> dict[str, Any] | None:
        """The metadata of a session, or `None` if there is no such session."""
        return await self._run(self.archive.metadata, session_id)

    async def set_metadata(self, session_id: Id, metadata: Metadata) -> None:
        """Sets the metadata of a session."""
        await self._run(self.archive.set_metadata, session_id, metadata)

    async def read_note(self, key: str) -> Any:
        """The note of a key, or `None`."""
        return await self._run(self.archive.read_note, key)

    async def write_note(self, key: str, note: Any) -> None:
        """Sets the note of a key."""
        await self._run(self.archive.write_note, key, note)

    async def delete_note(self, key: str) -> bool:
        """Removes the note of a key."""
        return await self._run(self.archive.delete_note, key)

    async def delete_session(self, session_id: Id) -> bool:
        """Removes a session."""
        return await self._run(self.archive.delete_session, session_id)

    async def trash_session(self, session_id: Id) -> bool:
        """Takes a session out of the lists that programs show."""
        return await self._run(self.archive.trash_session, session_id)

    async def restore_session(self, session_id: Id) -> bool:
        """Brings a session back from the trash."""
        return await self._run(self.archive.restore_session, session_id)

    async def import_logs(self, paths: Sequence[str | os.PathLike[str]], **options: Any) -> Report:
        """Imports files and folders, with the options of `Archive.import_logs`."""
        return await self._run(self.archive.import_logs, paths, **options)

    async def export_logs(self, folder: str | os.PathLike[str], **options: Any) -> Report:
        """Writes the files of agents, with the options of `Archive.export_logs`."""
        return await self._run(self.archive.export_logs, folder, **options)

    async def backup(self, path: str | os.PathLike[str]) -> Report:
        """Writes a copy of one moment."""
        return await self._run(self.archive.backup, path)

    async def check(self) -> Report:
        """Reads everything and says what is wrong."""
        return await self._run(self.archive.check)

    async def compact(self) -> Report:
        """Makes the file as small as what is in it."""
        return await self._run(self.archive.compact)

    async def stats(self) -> Report:
        """How much there is in it."""
        return await self._run(self.archive.stats)

    async def sync(self) -> None:
        """Waits until all that was written is on the disk."""
        await self._run(self.archive.sync)

    async def close(self) -> Closed | None:
        """Makes all calls that were begun, and closes the archive."""
        await asyncio.gather(*self._lanes.all(_nothing))
        closed = await self._run(self.archive.close)
        self._lanes.close()
        return closed

    async def __aenter__(self) -> AsyncArchive:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class AsyncLog:
    """The entries of a segment, or its traces."""

    def __init__(self, lanes: Lanes, log: _native.Log) -> None:
        self.log = log
        """The same without waiting by a loop."""
        self._lanes = lanes
        self._key: Hashable = (log.session_id, log.segment_id, log.is_trace)

    async def _run(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await self._lanes.run(self._key, call, *args, **kwargs)

    @property
    def session_id(self) -> UUID:
        return self.log.session_id

    @property
    def segment_id(self) -> UUID:
        return self.log.segment_id

    def with_durability(self, durability: Durability) -> AsyncLog:
        """The same log, whose appends survive power loss or the death of the process."""
        return AsyncLog(self._lanes, self.log.with_durability(durability))

    async def append(self, entry: IntoEntry) -> Receipt:
        """Appends one entry."""
        return await self._run(self.log.append, entry)

    async def append_many(self, entries: Iterable[IntoEntry]) -> Receipt:
        """Appends several entries, all or none."""
        return await self._run(self.log.append_many, entries)

    async def append_at(self, expected_len: int, entries: Iterable[IntoEntry]) -> Receipt:
        """Appends several entries if the log has this many."""
        return await self._run(self.log.append_at, expected_len, entries)

    async def replace(self, entries: Iterable[IntoEntry]) -> None:
        """Replaces all entries by these."""
        await self._run(self.log.replace, entries)

    async def truncate(self, len: int) -> None:
        """Cuts the log off behind its first `len` entries."""
        await self._run(self.log.truncate, len)

    async def delete(self) -> bool:
        """Removes the log."""
        return await self._run(self.log.delete)

    async def branch(self, at: int, segment_id: Id | None = None) -> AsyncLog:
        """Begins another segment that shares the first `at` entries."""
        return AsyncLog(self._lanes, await self._run(self.log.branch, at, segment_id))

    async def exists(self) -> bool:
        """Whether the log was ever written to."""
        return await self._run(self.log.exists)

    async def len(self) -> int:
        """The number of entries."""
        return await self._run(self.log.__len__)

    async def last(self, count: int) -> list[Entry]:
        """The last `count` entries, in order."""
        return await self._run(lambda: list(self.log.last(count)))

    async def json(self, start: int = 0, stop: int | None = None) -> list[Any]:
        """What the entries from `start` to before `stop` say, decoded at once."""
        return await self._run(lambda: self.log.read(start, stop).json())

    async def read(self, start: int = 0, stop: int | None = None) -> AsyncIterator[Entry]:
        """The entries from `start` to before `stop`, as they are now."""
        entries = await self._run(self.log.read, start, stop)
        while some := await self._run(_some, entries, _ENTRIES_AT_A_TIME):
            for entry in some:
                yield entry

    def __aiter__(self) -> AsyncIterator[Entry]:
        return self.read()


class AsyncChanges:
    """Tells each change once and in order, by a thread of its own, until it is closed."""

    _open: weakref.WeakSet[AsyncChanges] = weakref.WeakSet()

    def __init__(self, changes: _native.Changes) -> None:
        self._changes = changes
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[Change | BaseException | None] = asyncio.Queue()
        self._room = threading.BoundedSemaphore(_CHANGES_AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="sessiondb-changes", daemon=True)
        self._thread.start()
        self._open.add(self)

    def _follow(self) -> None:
        last: BaseException | None = None
        try:
            while not self._closed.is_set():
                change = self._changes.next()
                if change is None:
                    break
                self._room.acquire()
                self._tell(change)
        except Exception as error:
            last = error
        self._tell(last)

    def _tell(self, change: Change | BaseException | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._ready.put_nowait, change)
        except RuntimeError:
            # The loop is closed, and nobody waits.
            self._closed.set()

    def __aiter__(self) -> AsyncChanges:
        return self

    async def __anext__(self) -> Change:
        change = await self._ready.get()
        if isinstance(change, Change):
            self._room.release()
            return change
        # Whoever asks again is told the same.
        self._ready.put_nowait(change)
        if change is None:
            raise StopAsyncIteration
        raise change

    def close(self) -> None:
        """Ends it: who waits is told no more."""
        self._closed.set()
        try:
            self._room.release()
        except ValueError:
            pass
        self._changes.close()

    async def __aenter__(self) -> AsyncChanges:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _some(items: Iterator[_T], count: int) -> list[_T]:
    found = []
    for _, item in zip(range(count), items):
        found.append(item)
    return found


def _nothing() -> None:
    pass


@atexit.register
def _close_changes() -> None:
    """No thread may run when Python ends."""
    for changes in list(AsyncChanges._open):
        changes.close()
        changes._thread.join(1)
