"""Processes that are killed: what they told of is there."""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sessiondb import Archive
from sessiondb.claude import SessionStore

from . import children

KILLS = 100
SEED = 20260128


def _context() -> Any:
    """How children are made: where it can be, of a process that has what they import and nothing else."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # Not their work itself: that process looks for it where it was started, and not where the tests are.
    context.set_forkserver_preload(["sessiondb.claude"])
    return context


def _kill_at_random(work: Callable[..., None], chance: random.Random, *arguments: object) -> int:
    """Starts a child, kills it at some moment after its first word, and says how many it told of."""
    receive, send = _context().Pipe(duplex=False)
    child = _context().Process(target=work, args=(*arguments, send), daemon=True)
    child.start()
    send.close()
    assert receive.poll(60), "the child says nothing"
    time.sleep(chance.random() * 0.02)
    child.kill()
    child.join(60)
    told = 0
    try:
        while True:
            assert receive.recv() == "done"
            told += 1
    except (EOFError, OSError):
        receive.close()
    assert child.exitcode == (1 if sys.platform == "win32" else -9)
    child.close()
    return told


def test_each_acknowledged_entry_is_there_after_a_kill(path: Path) -> None:
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    least = 0
    for _ in range(KILLS):
        least += _kill_at_random(children.append, chance, path)
        with Archive(path) as archive:
            entries = archive.log(*children.IDS).read().json()
            assert [entry["n"] for entry in entries] == list(range(len(entries)))
            # One more may have been written than told of.
            assert least <= len(entries) <= least + 1
            least = len(entries)
    assert least > KILLS
    with Archive(path) as archive:
        assert archive.check()["problems"] == []


async def test_each_acknowledged_entry_of_a_claude_session_is_there_after_a_kill(path: Path) -> None:
    """The child begins with the first entry each time, as an SDK does that tries again."""
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    known = 0
    for _ in range(KILLS):
        told = _kill_at_random(children.claude_append, chance, path, 1_000_000)
        async with SessionStore(path) as store:
            loaded = await store.load(children.KEY)
            assert loaded is not None
            numbers = [one["n"] for one in loaded]  # type: ignore[typeddict-item]
            assert numbers == list(range(len(numbers))) and len(numbers) >= max(told, known)
            known = len(numbers)
            (listed,) = await store.list_sessions(children.KEY["project_key"])
            (summary,) = await store.list_session_summaries(children.KEY["project_key"])
            assert summary["mtime"] >= listed["mtime"]
    assert known > 1
    with Archive(path) as archive:
        assert archive.check()["problems"] == []
