"""The calls that block no loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import sessiondb
import sessiondb.aio
from sessiondb.aio import AsyncArchive


@pytest_asyncio.fixture
async def archive(path: Path) -> AsyncIterator[AsyncArchive]:
    async with await sessiondb.aio.open(path) as archive:
        yield archive


async def test_append_and_read(archive: AsyncArchive) -> None:
    log = archive.log()
    assert (await log.append({"n": 0})).len == 1
    await log.append_many({"n": number} for number in range(1, 600))
    await log.append_at(600, [b'{"n":600}'])
    assert await log.len() == 601 and await log.exists()
    assert [entry.json()["n"] async for entry in log] == list(range(601))
    assert [entry.index async for entry in log.read(5, 8)] == [5, 6, 7]
    assert [entry.json() for entry in await log.last(1)] == [{"n": 600}]
    assert await log.json(599) == [{"n": 599}, {"n": 600}]
    branch = await log.branch(2)
    await branch.replace([1])
    await branch.truncate(0)
    assert await branch.len() == 0 and await branch.delete()
    with pytest.raises(sessiondb.ConflictError):
        await log.append_at(3, [1])


async def test_lists_and_records(archive: AsyncArchive, tmp_path: Path) -> None:
    log = archive.log()
    await log.append({"kind": "user_input", "ts": 7, "segments": [{"kind": "text", "content": "Why?"}]})
    await archive.set_metadata(log.session_id, {"a": 1})
    await archive.write_note("app/a", [1])
    assert (await archive.metadata(log.session_id), await archive.read_note("app/a")) == ({"a": 1}, [1])
    assert await archive.delete_note("app/a")
    assert [info.id for info in await archive.sessions()] == [log.session_id]
    assert [info.id for info in await archive.segments(log.session_id)] == [log.segment_id]
    assert [info.id for info in (await archive.query_sessions(limit=1)).sessions] == [log.session_id]
    assert await archive.session(log.session_id) is not None
    assert await archive.segment(log.session_id, log.segment_id) is not None
    assert [hit.kind async for hit in archive.search("why")] == ["prompt"]
    summary = await archive.summary(log.session_id)
    assert summary is not None and summary["title"] == "Why?"
    batch = await archive.batch()
    await archive.commit(batch.append(log.log, 2))
    assert (await archive.check())["problems"] == []
    assert (await archive.backup(tmp_path / "copy"))["entries"] == 2
    assert (await archive.stats())["entries"] == 2
    await archive.compact()
    await archive.sync()
    now = await archive.snapshot()
    assert await archive.call(now.names) == []
    assert await archive.trash_session(log.session_id) and await archive.restore_session(log.session_id)
    assert await archive.delete_session(log.session_id)


async def test_calls_on_one_log_keep_their_order(archive: AsyncArchive) -> None:
    logs = [archive.log() for _ in range(5)]
    await asyncio.gather(*(log.append(number) for number in range(100) for log in logs))
    for log in logs:
        assert await log.json() == list(range(100))


async def test_the_loop_goes_on_during_a_call(archive: AsyncArchive, path: Path) -> None:
    """Another handle has the archive to itself, so that the append waits; the loop itself ends that."""
    log = archive.log()
    await log.append(1)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    began = time.monotonic()
    while ticks < 100 or time.monotonic() - began < 0.05:
        await log.append({"text": "x" * 100_000})
    ticking.cancel()
    assert ticks >= 100


async def test_changes_are_told(archive: AsyncArchive) -> None:
    log = archive.log()
    async with await archive.changes() as changes:
        await log.append_many([1, 2, 3])
        await log.truncate(1)
        first = await asyncio.wait_for(anext(changes), 10)
        assert (first.kind, first.start, first.stop) == ("append", 0, 3)
        # Who gives up waiting loses nothing.
        await anext(changes)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(anext(changes), 0.01)
        await log.append(9)
        assert (await asyncio.wait_for(anext(changes), 10)).kind == "append"
    assert [change async for change in changes] == []


async def test_changes_wait_for_who_reads_them(archive: AsyncArchive) -> None:
    log = archive.log().with_durability("written")
    async with await archive.changes() as changes:
        for number in range(1_500):
            await log.append(number)
        told = [await asyncio.wait_for(anext(changes), 10) for _ in range(1_500)]
        assert [change.start for change in told] == list(range(1_500))


async def test_closing_makes_all_calls_that_were_begun(path: Path) -> None:
    archive = await sessiondb.aio.open(path)
    log = archive.log()
    appends: list[asyncio.Task[Any]] = [asyncio.create_task(log.append(number)) for number in range(50)]
    await asyncio.sleep(0)
    closed = await archive.close()
    assert closed is not None and not closed.is_open_here
    await asyncio.gather(*appends)
    with pytest.raises(RuntimeError):
        await log.append(51)
    async with await sessiondb.aio.open(path) as again:
        assert await again.log(log.session_id, log.segment_id).json() == list(range(50))
