"""Workloads of the OpenAI Agents SDK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agents import SQLiteSession

from bench.measure import Table, Work, bytes_of, in_turn
from bench.texts import Texts
from sessiondb.openai import Session


async def run(folder: Path, turns: int, reads: int) -> None:
    paths = (folder / "openai.sessiondb", folder / "openai.sqlite")
    ours, theirs = Session("s", paths[0]), SQLiteSession("s", paths[1])
    texts = Texts()
    said = [texts.openai_turn() for _ in range(turns)]
    table = Table("OpenAI Agents SDK beside its `SQLiteSession`", "SQLite")

    def append(session: Any) -> Any:
        return lambda number: lambda: session.add_items(said[number])

    def load(session: Any, limit: int | None) -> Any:
        return lambda _: lambda: session.get_items(limit)

    def resume(kind: Any, path: Path) -> Any:
        async def work() -> None:
            session = kind("s", path)
            assert await session.get_items()
            session.close()

        def round_of(_: int) -> Work:
            return work

        return round_of

    table.row("append of a turn of 4 items", *await in_turn(turns, append(ours), append(theirs)))
    assert await ours.get_items() == await theirs.get_items()
    what = f"load of {4 * turns:,} items"
    table.row(what, *await in_turn(reads, load(ours, None), load(theirs, None)))
    table.row("load of the last 20", *await in_turn(reads * 5, load(ours, 20), load(theirs, 20)))
    ours.close()
    theirs.close()
    table.sizes(f"bytes on disk after {turns:,} turns", bytes_of(paths[0]), bytes_of(paths[1]))
    resumed = await in_turn(reads, resume(Session, paths[0]), resume(SQLiteSession, paths[1]))
    table.row("resume: open, load, close", *resumed)
