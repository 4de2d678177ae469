"""Workloads of the Claude Agent SDK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.claude_sqlite import SqliteStore
from bench.measure import Table, Work, bytes_of, in_turn
from bench.texts import Texts
from sessiondb.claude import SessionStore

KEY: Any = {"project_key": "-src-shop", "session_id": "5f3c8d0e-7a30-4f2a-9d15-0a4d5c1b2e3f"}


async def run(folder: Path, turns: int, reads: int) -> None:
    paths = (folder / "claude.sessiondb", folder / "claude.sqlite")
    ours, theirs = SessionStore(paths[0]), SqliteStore(paths[1])
    texts = Texts()
    said = [texts.claude_turn(number) for number in range(turns)]
    table = Table("Claude Agent SDK beside SQLite (the SDK has no SQLite store: `bench/claude_sqlite.py`)", "SQLite")

    def append(store: Any) -> Any:
        return lambda number: lambda: store.append(KEY, said[number])

    table.row("append of a turn of 4 entries", *await in_turn(turns, append(ours), append(theirs)))

    def load(store: Any) -> Any:
        return lambda _: lambda: store.load(KEY)

    assert await ours.load(KEY) == await theirs.load(KEY)
    table.row(f"load of {4 * turns:,} entries", *await in_turn(reads, load(ours), load(theirs)))
    ours.close()
    theirs.close()
    table.sizes(f"bytes on disk after {turns:,} turns", bytes_of(paths[0]), bytes_of(paths[1]))

    def resume(kind: Any, path: Path) -> Any:
        async def work() -> None:
            store = kind(path)
            assert await store.load(KEY)
            store.close()

        def round_of(_: int) -> Work:
            return work

        return round_of

    table.row(
        "resume: open, load, close",
        *await in_turn(reads, resume(SessionStore, paths[0]), resume(SqliteStore, paths[1])),
    )
    ours, theirs = SessionStore(paths[0]), SqliteStore(paths[1])
    for number in range(200):
        key: Any = {**KEY, "session_id": texts.uuid()}
        await ours.append(key, said[number % turns])
        await theirs.append(key, said[number % turns])

    def listed(store: Any) -> Any:
        return lambda _: lambda: store.list_sessions(KEY["project_key"])

    def summaries(store: Any) -> Any:
        return lambda _: lambda: store.list_session_summaries(KEY["project_key"])

    table.row("list of 201 sessions", *await in_turn(reads * 5, listed(ours), listed(theirs)))
    table.row("list of 201 summaries", *await in_turn(reads * 5, summaries(ours), summaries(theirs)))
    ours.close()
    theirs.close()
