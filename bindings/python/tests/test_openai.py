"""The session of the OpenAI Agents SDK: each case by the SDK's `SQLiteSession` and by ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, RunConfig, Runner, SQLiteSession
from agents.memory import Session as SessionProtocol
from agents.memory import SessionSettings
from agents.testing import ScriptedModel
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

import sessiondb
from sessiondb import Archive
from sessiondb.openai import Session

from . import children

Make = Callable[..., Any]


@pytest.fixture(params=["sqlite", "sessiondb"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes sessions in one file, or if `path` says so elsewhere."""
    made: list[Any] = []
    kind = {"sqlite": SQLiteSession, "sessiondb": Session}[request.param]

    def session(session_id: str = "s", path: Any = tmp_path / "sessions.db", **options: Any) -> Any:
        made.append(kind(session_id, path, **options))
        return made[-1]

    yield session
    for one in made:
        one.close()


def item(number: int, **fields: Any) -> Any:
    return {"role": "user", "content": f"message {number}", **fields}


def answer(text: str) -> Any:
    part = ResponseOutputText(type="output_text", text=text, annotations=[])
    return ResponseOutputMessage(id="1", type="message", role="assistant", status="completed", content=[part])


async def test_items_come_back_in_order(make: Make) -> None:
    session = make()
    assert await session.get_items() == []
    await session.add_items([item(0), item(1)])
    await session.add_items([item(2, extra={"nested": [1, None, 0.5]}, text="Grüße 🎉 \u2028 \x00 '; DROP TABLE x; --")])
    assert await session.get_items() == [
        item(0),
        item(1),
        item(2, extra={"nested": [1, None, 0.5]}, text="Grüße 🎉 \u2028 \x00 '; DROP TABLE x; --"),
    ]


@pytest.mark.parametrize("limit", [None, 1, 3, 5, 100, 0, -1])
async def test_limits(make: Make, limit: int | None) -> None:
    session, by_settings = make("s"), make("s", session_settings=SessionSettings(limit=limit))
    await session.add_items([item(number) for number in range(5)])
    expected = {None: [0, 1, 2, 3, 4], 1: [4], 3: [2, 3, 4], 0: [], -1: [0, 1, 2, 3, 4]}.get(limit, [0, 1, 2, 3, 4])
    assert await session.get_items(limit=limit) == [item(number) for number in expected]
    assert await session.get_items(limit) == await by_settings.get_items()
    assert await by_settings.get_items(limit=2) == [item(3), item(4)]


async def test_settings(make: Make) -> None:
    assert make().session_settings == SessionSettings()
    assert make(session_settings={"limit": 3}).session_settings == SessionSettings(limit=3)
    with pytest.raises((TypeError, ValueError)):
        make(session_settings={"limitt": 1})


async def test_the_last_item_is_popped(make: Make) -> None:
    session = make()
    assert await session.pop_item() is None
    await session.add_items([item(0), item(1)])
    assert await session.pop_item() == item(1)
    assert await session.get_items() == [item(0)]
    await session.add_items([item(2)])
    assert [await session.pop_item() for _ in range(3)] == [item(2), item(0), None]
    assert await session.get_items() == []


async def test_a_session_is_cleared(make: Make) -> None:
    session, other = make("a"), make("b")
    await session.clear_session()
    await session.add_items([item(0)])
    await other.add_items([item(1)])
    await session.clear_session()
    assert (await session.get_items(), await other.get_items()) == ([], [item(1)])
    await session.add_items([item(2)])
    assert await session.get_items() == [item(2)]


async def test_sessions_of_one_file_are_apart(make: Make) -> None:
    ids = ["a", "A", " a", "a/b", "ü", "", "a'; --", "x" * 500]
    for number, session_id in enumerate(ids):
        await make(session_id).add_items([item(number)])
    for number, session_id in enumerate(ids):
        assert await make(session_id).get_items() == [item(number)]
        assert make(session_id).session_id == session_id


async def test_two_objects_are_one_session(make: Make) -> None:
    one, other = make("s"), make("s")
    await one.add_items([item(0)])
    await other.add_items([item(1)])
    assert await one.get_items() == [item(0), item(1)]
    assert await one.pop_item() == item(1)
    assert await other.get_items() == [item(0)]


async def test_without_a_path_it_is_gone_with_the_object(make: Make) -> None:
    one, other = make("s", ":memory:"), make("s", ":memory:")
    await one.add_items([item(0)])
    assert (await one.get_items(), await other.get_items()) == ([item(0)], [])


async def test_nothing_is_added(make: Make) -> None:
    session = make()
    await session.add_items([])
    assert await session.get_items() == []


async def test_what_is_no_json_is_refused_as_a_whole(make: Make) -> None:
    session = make()
    await session.add_items([item(0)])
    with pytest.raises(TypeError):
        await session.add_items([item(1), item(2, no_json={1})])
    assert await session.get_items() == [item(0)]
    await session.add_items([item(3)])
    assert await session.get_items() == [item(0), item(3)]


async def test_a_closed_session_says_so(make: Make) -> None:
    session = make()
    session.close()
    for call in (session.get_items(), session.add_items([]), session.pop_item(), session.clear_session()):
        with pytest.raises(RuntimeError, match="closed"):
            await call


async def test_tasks_and_threads_add_at_once(make: Make) -> None:
    session = make()
    await asyncio.gather(*(session.add_items([item(number)]) for number in range(40)))

    def add(number: int) -> None:
        asyncio.run(make().add_items([item(number)]))

    await asyncio.gather(*(asyncio.to_thread(add, number) for number in range(40, 60)))
    found = await session.get_items()
    assert sorted(found, key=lambda one: int(one["content"].split()[1])) == [item(number) for number in range(60)]


async def test_a_cancelled_change_is_known_to_be_made_or_not(make: Make) -> None:
    session = make()
    for number in range(20):
        adding = asyncio.create_task(session.add_items([item(number)]))
        await asyncio.sleep(0)
        adding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adding
    found = await session.get_items()
    await asyncio.sleep(0.05)
    assert await session.get_items() == found


@pytest.mark.parametrize("start", [0, 2, 3])
async def test_a_suffix_is_replaced_if_it_is_the_last(make: Make, start: int) -> None:
    session = make()
    await session.add_items([item(number) for number in range(6)])
    snapshot = await session._get_compaction_snapshot(4)
    assert (snapshot.items, snapshot.complete) == ([item(number) for number in range(2, 6)], False)
    assert (await session._get_compaction_snapshot(6)).complete
    assert not await snapshot.replace_suffix(4, [item(9)])
    assert await snapshot.replace_suffix(start, [item(7), item(8)])
    kept = [item(number) for number in range(2 + start)]
    assert await session.get_items() == [*kept, item(7), item(8)]
    assert not await snapshot.replace_suffix(start, [item(9)])
    assert await session.get_items() == [*kept, item(7), item(8)]


async def test_the_beginning_is_pruned_with_a_suffix(make: Make) -> None:
    session = make()
    await session.add_items([item(number, old=number < 3) for number in range(8)])
    snapshot = await session._get_compaction_snapshot(4, prune_prefix=lambda one: one["old"])
    assert await snapshot.replace_suffix(1, [item(9)])
    assert await session.get_items() == [item(3, old=False), item(4, old=False), item(9)]


async def test_what_is_popped_can_be_refused(make: Make) -> None:
    session = make()
    await session.add_items([item(0), item(1)])

    def refuse(one: Any) -> None:
        assert one == item(1)
        raise KeyError("not this one")

    with pytest.raises(KeyError):
        await session._pop_item_with_validation(refuse)
    assert await session.get_items() == [item(0), item(1)]
    assert await session._pop_item_with_validation(lambda one: None) == item(1)


async def test_the_runner_keeps_a_conversation(make: Make) -> None:
    model = ScriptedModel()
    agent = Agent(name="test", model=model)
    session = make("conversation")
    assert isinstance(session, SessionProtocol)
    for number in range(3):
        model.enqueue([answer(f"answer {number}")])
        result = await Runner.run(agent, f"prompt {number}", session=session)
        assert result.final_output == f"answer {number}"
    assert len(await session.get_items()) == 6
    model.enqueue([answer("short")])
    limited = RunConfig(session_settings=SessionSettings(limit=2))
    await Runner.run(agent, "prompt 3", session=session, run_config=limited)
    given: Any = model.calls[-1].input
    assert [one["content"] for one in given if one["role"] == "user"] == ["prompt 2", "prompt 3"]


async def test_an_item_must_be_an_object(path: Path) -> None:
    with Session("s", path) as session:
        with pytest.raises(sessiondb.InvalidError):
            bad: Any = [["no object"]]
            await session.add_items(bad)
        assert await session.get_items() == []


async def test_many_sessions_share_an_archive(archive: Archive) -> None:
    sessions = [Session(f"s{number}", archive) for number in range(20)]
    await asyncio.gather(*(session.add_items([item(0)]) for session in sessions))
    for session in sessions:
        assert await session.get_items() == [item(0)]
        session.close()
    assert archive.is_open and len(archive.sessions()) == 20


async def test_a_session_can_be_read_and_found_in_the_archive(path: Path) -> None:
    with Session("conversation 7", path) as session:
        await session.add_items([{"role": "user", "content": "Why is the total off?"}])
        now = session.archive.snapshot()
        (info,) = now.sessions()
        summary = now.summary(info.id)
        assert summary is not None
        assert (summary["agent"], summary["title"]) == ("openai", "Why is the total off?")
        assert [hit.kind for hit in now.search("total")] == ["prompt"]


async def test_two_processes_add_to_one_session(path: Path) -> None:
    with children.start("openai_add", path, "100") as one, children.start("openai_add", path, "100") as other:
        assert (one.wait(120), other.wait(120)) == (0, 0)
    with Session(children.KEY["session_id"], path) as session:
        found: Any = await session.get_items()
        for process in (one.pid, other.pid):
            assert [entry["n"] for entry in found if entry["by"] == process] == list(range(100))
