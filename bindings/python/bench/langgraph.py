"""Workloads of LangGraph: a thread of messages, a checkpoint and the writes of a task for each step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from bench.measure import Table, Work, bytes_of, in_turn
from bench.texts import Texts
from sessiondb.langgraph import Saver

CONFIG: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}


class Thread:
    """The state of a graph that appends a prompt and an answer each turn."""

    def __init__(self, saver: Any) -> None:
        self.saver = saver
        self.config = CONFIG
        self.versions: dict[str, str] = {}
        self.messages: list[AnyMessage] = []

    def checkpoint(self, step: int, said: list[AnyMessage]) -> Any:
        self.messages = [*self.messages, *said]
        version = self.saver.get_next_version(self.versions.get("messages"), None)
        self.versions = {"messages": version, "__start__": version}
        checkpoint: Any = empty_checkpoint()
        checkpoint.update(
            channel_values={"messages": self.messages, "__start__": None},
            channel_versions=dict(self.versions),
            versions_seen={"agent": {"messages": version}},
        )
        return checkpoint, {"source": "loop", "step": step, "parents": {}}, dict(self.versions)

    def put(self, step: int, said: list[AnyMessage]) -> None:
        checkpoint, metadata, new = self.checkpoint(step, said)
        self.config = self.saver.put(self.config, checkpoint, metadata, new)
        self.saver.put_writes(self.config, [("messages", said[1:])], f"task {step}", "agent")

    async def aput(self, step: int, said: list[AnyMessage]) -> None:
        checkpoint, metadata, new = self.checkpoint(step, said)
        self.config = await self.saver.aput(self.config, checkpoint, metadata, new)
        await self.saver.aput_writes(self.config, [("messages", said[1:])], f"task {step}", "agent")


def _work(call: Callable[[], object]) -> Work:
    async def work() -> object:
        return call()

    return work


async def run(folder: Path, turns: int, reads: int) -> None:
    texts = Texts()
    said: list[list[AnyMessage]] = [
        [HumanMessage(texts.text(20), id=texts.uuid()), AIMessage(texts.text(60), id=texts.uuid())]
        for _ in range(turns)
    ]
    await _blocking(folder, said, reads)
    await _not_blocking(folder, said[: max(1, turns // 5)])


async def _blocking(folder: Path, said: list[list[AnyMessage]], reads: int) -> None:
    paths = (folder / "langgraph.sessiondb", folder / "langgraph.sqlite")
    table = Table("LangGraph beside its `SqliteSaver`", "SQLite")
    with Saver(paths[0]) as ours, SqliteSaver.from_conn_string(str(paths[1])) as theirs:
        threads = Thread(ours), Thread(theirs)

        def append(thread: Thread) -> Any:
            return lambda step: _work(lambda: thread.put(step, said[step]))

        table.row("append: put and put_writes of a turn", *await in_turn(len(said), *map(append, threads)))

        def latest(saver: Any) -> Any:
            return lambda _: _work(lambda: saver.get_tuple(CONFIG))

        def some(saver: Any) -> Any:
            return lambda _: _work(lambda: list(saver.list(CONFIG, limit=10)))

        found = [saver.get_tuple(CONFIG).checkpoint["channel_values"] for saver in (ours, theirs)]  # type: ignore[union-attr]
        assert found[0] == found[1]
        table.row("load: the newest checkpoint", *await in_turn(reads, latest(ours), latest(theirs)))
        table.row("list: the newest 10", *await in_turn(reads, some(ours), some(theirs)))
    table.sizes(f"bytes on disk after {len(said):,} turns", bytes_of(paths[0]), bytes_of(paths[1]))

    def resume_ours() -> None:
        with Saver(paths[0]) as saver:
            assert saver.get_tuple(CONFIG)

    def resume_theirs() -> None:
        with SqliteSaver.from_conn_string(str(paths[1])) as saver:
            assert saver.get_tuple(CONFIG)

    resumed = await in_turn(reads, lambda _: _work(resume_ours), lambda _: _work(resume_theirs))
    table.row("resume: open, the newest checkpoint, close", *resumed)


async def _not_blocking(folder: Path, said: list[list[AnyMessage]]) -> None:
    paths = (folder / "async.sessiondb", folder / "async.sqlite")
    table = Table("LangGraph beside its `AsyncSqliteSaver`", "SQLite")
    async with Saver(paths[0]) as ours, AsyncSqliteSaver.from_conn_string(str(paths[1])) as theirs:
        threads = Thread(ours), Thread(theirs)

        def append(thread: Thread) -> Any:
            return lambda step: lambda: thread.aput(step, said[step])

        def latest(saver: Any) -> Any:
            return lambda _: lambda: saver.aget_tuple(CONFIG)

        table.row("append: aput and aput_writes of a turn", *await in_turn(len(said), *map(append, threads)))
        table.row("load: the newest checkpoint", *await in_turn(40, latest(ours), latest(theirs)))
        await asyncio.sleep(0)
