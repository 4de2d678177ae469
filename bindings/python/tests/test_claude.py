"""The session store of the Claude Agent SDK, by the SDK's own contracts and beyond them."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import (
    delete_session_via_store,
    fold_session_summary,
    fork_session_via_store,
    get_session_messages_from_store,
    list_sessions_from_store,
    rename_session_via_store,
)
from claude_agent_sdk.testing import run_session_store_conformance
from claude_agent_sdk.types import SessionKey

import sessiondb
from sessiondb import Archive
from sessiondb.claude import SessionStore

from . import children

_KEY: SessionKey = {"project_key": "-src-shop", "session_id": "8b5b1f2e-31f5-4b9c-9f1e-2f3a4b5c6d7e"}


@pytest.fixture
def store(path: Path) -> Iterator[SessionStore]:
    store = SessionStore(path)
    yield store
    store.close()


def entry(uuid: str | None, **fields: Any) -> Any:
    given: dict[str, Any] = {"type": "user", **fields}
    return given if uuid is None else {"uuid": uuid, **given}


async def test_conformance(tmp_path: Path) -> None:
    stores: list[SessionStore] = []

    def make() -> SessionStore:
        stores.append(SessionStore(tmp_path / f"{len(stores)}.sessiondb"))
        return stores[-1]

    await run_session_store_conformance(make)
    # One for a look at which methods there are, and one for each contract.
    assert len(stores) == 15
    for store in stores:
        store.close()


async def test_conformance_in_one_archive_that_others_use(tmp_path: Path) -> None:
    """Two processes run the contracts at once, each contract in an archive that both have open."""
    with children.start("claude_conformance", tmp_path) as one, children.start("claude_conformance", tmp_path) as other:
        assert (one.wait(120), other.wait(120)) == (0, 0)


async def test_a_uuid_is_stored_once(store: SessionStore, path: Path) -> None:
    await store.append(_KEY, [entry("a", n=1), entry("b", n=2), entry("a", n=3)])
    await store.append(_KEY, [entry("b", n=4), entry(None, n=5), entry("c", n=6)])
    await store.append(_KEY, [entry(None, n=5), entry("c", n=7)])
    other = SessionStore(path)
    await other.append(_KEY, [entry("c", n=8), entry("d", n=9)])
    loaded = await store.load(_KEY)
    assert loaded is not None
    assert [one["n"] for one in loaded] == [1, 2, 5, 6, 5, 9]  # type: ignore[typeddict-item]
    other.close()


async def test_entries_come_back_equal(store: SessionStore) -> None:
    given = [
        entry("a", text="Grüße 🎉 \u2028 \x00", numbers=[1e300, -0.0, 2**80, 0.1], nothing=None, nested={"a": [{}, []]}),
        entry(None, half="\ud83d", empty=""),
    ]
    await store.append(_KEY, given)
    assert await store.load(_KEY) == given


async def test_ids_are_kept_as_strings(store: SessionStore) -> None:
    keys = [("p", "a/b"), ("p", "ü"), ("p", "A"), ("p", "a"), ("p\n", "a"), ("p", " a")]
    for project, session in keys:
        await store.append({"project_key": project, "session_id": session}, [entry(None, at=[project, session])])
    for project, session in keys:
        assert await store.load({"project_key": project, "session_id": session}) == [
            entry(None, at=[project, session])
        ]
    assert {one["session_id"] for one in await store.list_sessions("p")} == {"a/b", "ü", "A", "a", " a"}


async def test_summaries_are_those_of_the_sdk(store: SessionStore) -> None:
    said = [
        entry(
            f"u{number}",
            timestamp=f"2026-01-01T00:00:{number:02}.000Z",
            cwd="/src/shop",
            gitBranch="main",
            isSidechain=False,
            message={"role": "user", "content": f"prompt {number}"},
        )
        for number in range(20)
    ]
    for some in itertools.batched(said, 3) if hasattr(itertools, "batched") else [said[:7], said[7:]]:
        await store.append(_KEY, list(some))
    await store.append({**_KEY, "subpath": "subagents/agent-1"}, [entry("s", customTitle="subagent")])
    (summary,) = await store.list_session_summaries(_KEY["project_key"])
    assert summary["data"] == fold_session_summary(None, _KEY, said)["data"]
    (listed,) = await list_sessions_from_store(store, directory="/src/shop")
    assert (listed.session_id, listed.first_prompt, listed.cwd) == (_KEY["session_id"], "prompt 0", "/src/shop")


async def test_the_functions_of_the_sdk(store: SessionStore) -> None:
    said = [
        entry(
            f"{number:08}-0000-4000-8000-000000000000",
            parentUuid=f"{number - 1:08}-0000-4000-8000-000000000000" if number else None,
            sessionId=_KEY["session_id"],
            timestamp=f"2026-01-01T00:00:{number:02}.000Z",
            message={"role": "user", "content": f"prompt {number}"},
        )
        for number in range(4)
    ]
    await store.append(_KEY, said)
    messages = await get_session_messages_from_store(store, _KEY["session_id"], directory="/src/shop")
    assert [message.uuid for message in messages] == [one["uuid"] for one in said]
    await rename_session_via_store(store, _KEY["session_id"], "Totals", directory="/src/shop")
    (listed,) = await list_sessions_from_store(store, directory="/src/shop")
    assert listed.custom_title == "Totals"
    fork = await fork_session_via_store(store, _KEY["session_id"], directory="/src/shop")
    forked = await get_session_messages_from_store(store, fork.session_id, directory="/src/shop")
    assert len(forked) == 4
    await delete_session_via_store(store, _KEY["session_id"], directory="/src/shop")
    assert [one["session_id"] for one in await store.list_sessions("-src-shop")] == [fork.session_id]


async def test_a_session_is_one_of_claude_to_the_archive(store: SessionStore) -> None:
    await store.append(
        _KEY,
        [entry("a", isSidechain=False, sessionId=_KEY["session_id"], message={"role": "user", "content": "Why?"})],
    )
    now = store.archive.snapshot()
    (info,) = now.sessions()
    summary = now.summary(info.id)
    assert summary is not None and (summary["agent"], summary["title"]) == ("claude", "Why?")
    assert [hit.kind for hit in now.search("why")] == ["prompt"]


async def test_many_tasks_append_at_once(store: SessionStore) -> None:
    keys: list[SessionKey] = [{"project_key": "p", "session_id": f"s{number % 7}"} for number in range(70)]
    await asyncio.gather(*(store.append(key, [entry(f"u{place}")]) for place, key in enumerate(keys)))
    for number in range(7):
        loaded = await store.load({"project_key": "p", "session_id": f"s{number}"})
        # In the order in which they were begun.
        assert loaded is not None and [one["uuid"] for one in loaded] == [f"u{place}" for place in range(number, 70, 7)]


async def test_what_is_no_object_is_refused(store: SessionStore) -> None:
    bad: Any = [[1]]
    with pytest.raises(sessiondb.InvalidError):
        await store.append(_KEY, bad)
    with pytest.raises(sessiondb.InvalidError):
        await store.append({**_KEY, "subpath": ""}, [entry("a")])
    assert await store.load(_KEY) is None and await store.list_sessions("-src-shop") == []


async def test_an_archive_that_is_open_can_be_given(archive: Archive) -> None:
    store = SessionStore(archive)
    await store.append(_KEY, [entry("a")])
    store.close()
    assert archive.is_open and len(archive.sessions()) == 1
    with pytest.raises(RuntimeError):
        await store.load(_KEY)


async def test_as_a_context_it_is_closed(path: Path) -> None:
    async with SessionStore(path) as store:
        await store.append(_KEY, [entry("a")])
    assert not store.archive.is_open
    async with SessionStore(path) as store:
        assert await store.load(_KEY) == [entry("a")]


async def test_two_processes_append_to_one_session(path: Path) -> None:
    """Both give the same entries, and each is there once, with a summary of all of them."""
    with children.start("claude_append", path, "300") as one, children.start("claude_append", path, "300") as other:
        assert (one.wait(120), other.wait(120)) == (0, 0)
    async with SessionStore(path) as store:
        loaded = await store.load(children.KEY)
        assert loaded is not None
        assert sorted(one["n"] for one in loaded) == list(range(300))  # type: ignore[typeddict-item]
        (summary,) = await store.list_session_summaries(children.KEY["project_key"])
        assert summary["data"] == fold_session_summary(None, children.KEY, loaded)["data"]
        assert json.dumps(summary["data"])
