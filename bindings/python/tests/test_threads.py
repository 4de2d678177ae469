"""Threads, the lock of the interpreter, processes, and forks."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import sessiondb
from sessiondb import Archive
from sessiondb.claude import SessionStore

from . import children

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def test_threads_append_and_read_at_once(archive: Archive) -> None:
    log = archive.log()

    def work(thread: int) -> None:
        for number in range(50):
            log.append({"thread": thread, "n": number})
            assert log.last(1).json()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    entries = log.read().json()
    for thread in range(8):
        assert [entry["n"] for entry in entries if entry["thread"] == thread] == list(range(50))


def test_one_iterator_can_be_read_by_threads(archive: Archive) -> None:
    log = archive.log()
    log.append_many(range(5_000))
    entries = log.read()
    with ThreadPoolExecutor(4) as threads:
        found = threads.map(lambda _: [entry.index for entry in entries], range(4))
        assert sorted(index for part in found for index in part) == list(range(5_000))


def _others_run_during(call: Callable[[], object]) -> bool:
    """Whether another thread runs while the call waits. The other one is the only one that can end the wait."""
    began = threading.Event()

    def other() -> None:
        began.wait(60)
        call_ends()

    call_ends: Callable[[], object] = call.__dict__["ends"]
    thread = threading.Thread(target=other)
    thread.start()
    began.set()
    call()
    thread.join(60)
    return not thread.is_alive()


def test_a_call_that_waits_lets_others_run(archive: Archive) -> None:
    changes = archive.changes()

    def wait() -> None:
        assert changes.next(timeout=60) is not None

    wait.__dict__["ends"] = lambda: archive.log().append(1)
    assert _others_run_during(wait)


def test_a_listener_runs_while_the_archive_is_compacted(archive: Archive) -> None:
    """The listener is Python, and the call has the archive to itself: it would wait for ever if it kept the lock."""
    log = archive.log()
    for _ in range(20):
        log.append({"text": "x" * 100_000})
    began = threading.Event()
    lengths: list[int] = []

    def read() -> None:
        began.wait(60)
        lengths.append(len(log))

    thread = threading.Thread(target=read)
    thread.start()
    archive.compact(progress=lambda done, total: began.set())
    began.set()
    thread.join(60)
    assert lengths == [20]


def test_each_call_lets_others_run(archive: Archive) -> None:
    """A thread counts while another one reads and appends for as long: if calls kept the interpreter's lock until
    it is asked for, every 30 seconds, the count would stand still."""
    log = archive.log()
    log.append_many({"text": "x" * 1_000} for _ in range(100))
    counted = 0
    stop = threading.Event()

    def count() -> None:
        nonlocal counted
        while not stop.is_set():
            counted += 1
            time.sleep(0)

    before = sys.getswitchinterval()
    thread = threading.Thread(target=count)
    sys.setswitchinterval(30)
    try:
        thread.start()
        for _ in range(20):
            log.append(1)
            log.read().bytes()
            archive.check()
        seen = counted
    finally:
        sys.setswitchinterval(before)
        stop.set()
        thread.join(60)
    assert seen >= 20


def test_processes_append_to_one_log(path: Path) -> None:
    with Archive(path) as archive:
        with children.start("append_many", path, 200) as one, children.start("append_many", path, 200) as other:
            assert (one.wait(120), other.wait(120)) == (0, 0)
        entries = archive.log(*children.IDS).read().json()
        for process in (one.pid, other.pid):
            assert [entry["n"] for entry in entries if entry["by"] == process] == list(range(200))


def _in_fork(work: Callable[[], str]) -> str:
    """What the work gives in a forked child."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=lambda: send.send(work()))
    child.start()
    send.close()
    said = receive.recv() if receive.poll(60) else "nothing"
    receive.close()
    child.join(60)
    if child.is_alive():
        child.kill()
        child.join()
        return "did not end"
    assert child.exitcode == 0
    return str(said)


@needs_fork
def test_a_handle_is_refused_in_a_forked_child(archive: Archive) -> None:
    log = archive.log()
    log.append(1)

    def child() -> str:
        calls: list[Callable[[], Any]] = [lambda: log.append(2), lambda: len(log), archive.snapshot, archive.close]
        for call in calls:
            try:
                call()
            except sessiondb.ForkedError as error:
                assert error.parent == os.getppid() and "open the archive again in this process" in str(error)
            else:
                return f"{call} was made"
        with Archive(archive.path) as own:
            own.log(log.session_id, log.segment_id).append(2)
        return "all refused"

    assert _in_fork(child) == "all refused"
    assert log.read().json() == [1, 2]


@needs_fork
async def test_a_store_is_refused_in_a_forked_child(path: Path) -> None:
    import asyncio

    store = SessionStore(path)
    await store.append(children.KEY, [{"type": "user", "uuid": "a"}])

    def child() -> str:
        async def run() -> str:
            try:
                await store.load(children.KEY)
            except sessiondb.ForkedError as error:
                assert error.parent == os.getppid()
            else:
                return "it was made"
            other = SessionStore(path)
            loaded = await other.load(children.KEY)
            other.close()
            with pytest.raises(sessiondb.ForkedError):
                store.close()
            return str(loaded)

        # The loop of the parent is this thread's as well, and runs.
        asyncio.events._set_running_loop(None)
        return asyncio.run(run())

    assert _in_fork(child) == "[{'type': 'user', 'uuid': 'a'}]"
    assert await store.load(children.KEY) == [{"type": "user", "uuid": "a"}]
    store.close()


def test_spawned_processes_open_it_for_themselves(path: Path) -> None:
    with Archive(path) as archive:
        log = archive.log()
        log.append(1)
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            ids = (str(path), str(log.session_id), str(log.segment_id))
            assert sorted(pool.starmap(children.append_here, [ids, ids])) == [2, 3]
        assert len(log) == 3


def test_a_handle_cannot_be_sent_elsewhere(archive: Archive) -> None:
    import pickle

    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(archive)


def test_the_interpreter_ends_with_all_open(tmp_path: Path) -> None:
    with children.start("leave_open", tmp_path / "a.sessiondb") as child:
        assert child.wait(60) == 0
    with Archive(tmp_path / "a.sessiondb") as archive:
        assert archive.log(*children.IDS).read().json() == [1]
