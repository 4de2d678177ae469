"""The checkpointer of LangGraph, by its own suite, beside its SQLite saver, and in graphs."""

from __future__ import annotations

import operator
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

import sessiondb
from sessiondb import Archive
from sessiondb.langgraph import Saver

from . import children


class Synchronous(Saver):
    """The calls that wait, by the suite, which makes the others."""

    async def aput(self, *args: Any, **kwargs: Any) -> Any:
        return self.put(*args, **kwargs)

    async def aput_writes(self, *args: Any, **kwargs: Any) -> Any:
        return self.put_writes(*args, **kwargs)

    async def aget_tuple(self, *args: Any, **kwargs: Any) -> Any:
        return self.get_tuple(*args, **kwargs)

    async def alist(self, *args: Any, **kwargs: Any) -> Any:
        for found in self.list(*args, **kwargs):
            yield found

    async def adelete_thread(self, *args: Any, **kwargs: Any) -> Any:
        return self.delete_thread(*args, **kwargs)

    async def acopy_thread(self, *args: Any, **kwargs: Any) -> Any:
        return self.copy_thread(*args, **kwargs)

    async def aprune(self, *args: Any, **kwargs: Any) -> Any:
        return self.prune(*args, **kwargs)

    async def adelete_for_runs(self, *args: Any, **kwargs: Any) -> Any:
        return self.delete_for_runs(*args, **kwargs)


@pytest.mark.parametrize("kind", [Saver, Synchronous])
async def test_conformance(tmp_path: Path, kind: type[Saver]) -> None:
    @checkpointer_test(name=kind.__name__)
    async def saver() -> AsyncGenerator[BaseCheckpointSaver[Any], None]:
        with kind(tmp_path / f"{uuid.uuid4()}.sessiondb") as one:
            yield one

    report = await validate(saver)
    assert set(report.results) == {capability.value for capability in Capability}
    for capability, result in report.results.items():
        assert result.detected and result.passed, (capability, result.failures)
        assert (result.tests_failed, result.tests_skipped) == (0, 0) and result.tests_passed > 0
    assert report.conformance_level() == "FULL"


def test_two_processes_pass_the_suite_at_once(tmp_path: Path) -> None:
    path = tmp_path / "both.sessiondb"
    with children.start("langgraph_conformance", path) as one, children.start("langgraph_conformance", path) as other:
        assert (one.wait(180), other.wait(180)) == (0, 0)


class Counting(TypedDict):
    said: Annotated[list[str], operator.add]
    count: int


def _counting(saver: BaseCheckpointSaver[Any]) -> Any:
    def step(state: Counting) -> Any:
        return {"said": [f"step {state['count']}"], "count": state["count"] + 1}

    def ask(state: Counting) -> Any:
        return {"said": [f"heard {interrupt('go on?')}"]}

    graph = StateGraph(Counting)
    graph.add_node("one", step)
    graph.add_node("two", step)
    graph.add_node("ask", ask)
    graph.add_edge(START, "one")
    graph.add_edge("one", "two")
    graph.add_edge("one", "ask")
    graph.add_edge("two", END)
    return graph.compile(checkpointer=saver)


def _comparable(found: Any) -> Any:
    """A state without the ids and times that are new each time."""
    writes = [(channel, str(value)[:20]) for _, channel, value in found.pending_writes or []]
    return (
        found.checkpoint["channel_values"],
        sorted(found.checkpoint["channel_versions"]),
        {name: value for name, value in found.metadata.items() if name in ("source", "step", "parents")},
        found.parent_config is None,
        sorted(writes),
    )


def test_graphs_go_the_same_way_as_with_sqlite(path: Path) -> None:
    said: list[Any] = []
    with SqliteSaver.from_conn_string(":memory:") as sqlite, Saver(path) as ours:
        for saver in (sqlite, ours):
            graph = _counting(saver)
            config: Any = {"configurable": {"thread_id": "t"}}
            first = graph.invoke({"said": ["begin"], "count": 0}, config)
            waiting = [one.value for one in graph.get_state(config).interrupts]
            resumed = graph.invoke(Command(resume="yes"), config)
            updated = graph.update_state(config, {"said": ["by hand"]}, as_node="two")
            state = graph.get_state(updated).values
            third = list(graph.get_state_history(config))[2]
            forked = graph.invoke(None, third.config)
            del first["__interrupt__"]
            forked.pop("__interrupt__", None)
            history = [_comparable(found) for found in saver.list(config)]
            said.append((first, waiting, resumed, state, third.values, forked, history))
        assert said[0] == said[1]


async def test_a_graph_goes_on_after_it_was_closed(path: Path) -> None:
    async def node(state: MessagesState) -> Any:
        return {"messages": [AIMessage(f"answer {len(state['messages'])}")]}

    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    config: Any = {"configurable": {"thread_id": "t"}}
    for number in range(5):
        async with Saver(path) as saver:
            graph = builder.compile(checkpointer=saver)
            state = await graph.ainvoke({"messages": [HumanMessage(f"prompt {number}")]}, config)
            assert len(state["messages"]) == 2 * (number + 1)
    with Archive(path) as archive:
        now = archive.snapshot()
        (info,) = now.sessions()
        summary = now.summary(info.id)
        assert summary is not None and (summary["agent"], summary["title"]) == ("langgraph", "prompt 0")
        assert {hit.kind for hit in now.search("prompt")} == {"prompt"}
        assert archive.check()["problems"] == []


def _put(saver: BaseCheckpointSaver[Any], thread: str, values: dict[str, Any], parent: Any = None) -> Any:
    checkpoint: Any = empty_checkpoint()
    versions = {channel: saver.get_next_version(None, None) for channel in values}
    checkpoint.update(channel_values=values, channel_versions=versions)
    config: Any = parent or {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    return saver.put(config, checkpoint, {"source": "loop", "step": 1, "parents": {}}, versions)


@pytest.mark.parametrize(
    "values",
    [
        {"none": None, "text": "Grüße 🎉", "bytes": b"\x00\xff", "empty": b""},
        {"messages": [HumanMessage("a", id="1"), AIMessage("b", id="2")]},
        {"set": {1, 2}, "uuid": uuid.UUID(int=7), "path": Path("a/b"), "big": 2**60, "float": float("inf")},
        {"deep": [[[[{"a": [1, 2]}]]]], "": 0},
    ],
)
def test_values_come_back_as_from_sqlite(path: Path, values: dict[str, Any]) -> None:
    with SqliteSaver.from_conn_string(":memory:") as sqlite, Saver(path) as ours:
        found = []
        for saver in (sqlite, ours):
            config = _put(saver, "t", values)
            saver.put_writes(config, [("out", values), ("other", [values])], "task", "path")
            found.append(saver.get_tuple(config))
        theirs, own = found
        assert theirs is not None and own is not None
        assert own.checkpoint["channel_values"] == theirs.checkpoint["channel_values"] == values
        assert own.pending_writes == theirs.pending_writes
        assert own.metadata == theirs.metadata


def test_any_thread_and_namespace_is_one(path: Path) -> None:
    ids = ["a", "A", " a", "a/b", "ü", "7", "x" * 500]
    with Saver(path) as saver:
        for number, thread in enumerate(ids):
            _put(saver, thread, {"n": number})
        for number, thread in enumerate(ids):
            found = saver.get_tuple({"configurable": {"thread_id": thread}})
            assert found is not None and found.checkpoint["channel_values"] == {"n": number}
        # A number is the text of it.
        assert saver.get_tuple({"configurable": {"thread_id": 7}}) is not None
        assert {one.config["configurable"]["thread_id"] for one in saver.list(None)} == set(ids)


def test_values_without_a_version_are_kept(path: Path) -> None:
    with Saver(path) as saver:
        checkpoint: Any = {**empty_checkpoint(), "channel_values": {"a": 1}}
        config = saver.put({"configurable": {"thread_id": "t", "checkpoint_ns": ""}}, checkpoint, {}, {})
        found = saver.get_tuple(config)
        assert found is not None and found.checkpoint["channel_values"] == {"a": 1}


def test_strategies(path: Path) -> None:
    with Saver(path) as saver:
        _put(saver, "t", {"a": 1})
        with pytest.raises(ValueError, match="keep_latest"):
            saver.prune(["t"], strategy="some")
        saver.prune(["t"], strategy="delete")
        assert list(saver.list(None)) == []


def test_an_archive_that_is_open_can_be_given(archive: Archive) -> None:
    with Saver(archive) as saver:
        _put(saver, "t", {"a": 1})
    assert archive.is_open
    with pytest.raises(sessiondb.ClosedError):
        saver.get_tuple({"configurable": {"thread_id": "t"}})
