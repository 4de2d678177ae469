"""What the child processes of tests do: `python children.py NAME ARGUMENTS...`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KEY: Any = {"project_key": "-src-shop", "session_id": "of two processes"}
IDS = ("01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002")


@contextmanager
def start(name: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a child, and ends it at last."""
    command = [sys.executable, "-X", "faulthandler", __file__, name, *map(str, arguments)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def claude_conformance(folder: str) -> None:
    """The contracts, each in an archive of its own that another process may have open too. The projects are this
    process's own, as the contracts count what is there."""
    from claude_agent_sdk.testing import run_session_store_conformance

    from sessiondb.claude import SessionStore

    class OfThisProcess(SessionStore):
        def _own(self, key: Any) -> Any:
            return {**key, "project_key": f"{os.getpid()} {key['project_key']}"}

        async def append(self, key: Any, entries: Any) -> None:
            await super().append(self._own(key), entries)

        async def load(self, key: Any) -> Any:
            return await super().load(self._own(key))

        async def list_sessions(self, project_key: str) -> Any:
            return await super().list_sessions(f"{os.getpid()} {project_key}")

        async def list_session_summaries(self, project_key: str) -> Any:
            return await super().list_session_summaries(f"{os.getpid()} {project_key}")

        async def delete(self, key: Any) -> None:
            await super().delete(self._own(key))

        async def list_subkeys(self, key: Any) -> Any:
            return await super().list_subkeys(self._own(key))

    made: list[SessionStore] = []

    def make() -> SessionStore:
        made.append(OfThisProcess(Path(folder) / f"{len(made)}.sessiondb", lock_timeout=60))
        return made[-1]

    asyncio.run(run_session_store_conformance(make))
    assert len(made) == 15, len(made)


def claude_append(path: str | Path, count: str | int, told: Any = None) -> None:
    """Appends entries with the numbers up to `count`, and tells of each."""
    from sessiondb.claude import SessionStore

    async def run() -> None:
        async with SessionStore(path, lock_timeout=60) as store:
            for number in range(int(count)):
                entry: Any = {
                    "type": "user",
                    "uuid": f"u{number}",
                    "n": number,
                    "timestamp": "2026-01-01T00:00:00Z",
                    "text": "x" * (number % 50) * 40,
                }
                await store.append(KEY, [entry])
                if told is not None:
                    told.send("done")

    asyncio.run(run())


def openai_add(path: str, count: str) -> None:
    """Adds as many items, beside others."""
    from sessiondb.openai import Session

    async def run() -> None:
        with Session(KEY["session_id"], path, lock_timeout=60) as session:
            for number in range(int(count)):
                item: Any = {"role": "user", "content": "", "by": os.getpid(), "n": number}
                await session.add_items([item])

    asyncio.run(run())


def langgraph_conformance(path: str) -> None:
    """The suite, in an archive that another process has open too."""
    from langgraph.checkpoint.conformance import checkpointer_test, validate

    from sessiondb.langgraph import Saver

    @checkpointer_test(name="Saver")
    async def saver() -> Any:
        with Saver(path, lock_timeout=60) as one:
            yield one

    report = asyncio.run(validate(saver))
    assert report.conformance_level() == "FULL", report
    assert all(result.detected and result.passed for result in report.results.values()), report


def append(path: str | Path, told: Any) -> None:
    """Appends numbers until it is killed, and tells of each."""
    from sessiondb import Archive

    archive = Archive(path, lock_timeout=60)
    log = archive.log(*IDS)
    number = len(log)
    while True:
        log.append({"n": number, "text": "x" * (number % 50) * 40})
        told.send("done")
        number += 1


def append_many(path: str, count: str) -> None:
    """Appends as many entries, beside others."""
    from sessiondb import Archive

    with Archive(path, lock_timeout=60) as archive:
        log = archive.log(*IDS)
        for number in range(int(count)):
            log.append({"by": os.getpid(), "n": number})


def append_here(path: str, session: str, segment: str) -> int:
    """Appends an entry in this process, and says how many there are."""
    from sessiondb import Archive

    with Archive(path) as archive:
        return archive.log(session, segment).append(2).len


def leave_open(path: str) -> None:
    """Ends with an archive, a snapshot, a search and a thread that waits for changes open."""
    from sessiondb import Archive, aio

    archive = Archive(path)
    log = archive.log(*IDS)
    log.append(1)
    keep: list[object] = [archive.snapshot(), archive.snapshot().search("a"), log.read(), archive.batch()]

    async def follow() -> None:
        keep.append(await (await aio.open(path)).changes())

    asyncio.run(follow())
    setattr(sys, "keep", keep)


def main(name: str, *arguments: str) -> None:
    known = (append_many, claude_append, claude_conformance, langgraph_conformance, leave_open, openai_add)
    work: Any = {function.__name__: function for function in known}[name]
    work(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
