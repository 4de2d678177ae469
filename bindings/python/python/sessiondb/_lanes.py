"""The few threads on which calls run that an event loop waits for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from ._errors import ForkedError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Lanes:
    """Threads of which each makes its calls one after the other.

    Calls of one key go to one of them, and so are made in the order in which they were begun. Calls of different
    keys run beside each other, and synced appends then share one wait for the disk.
    """

    def __init__(self, name: str, count: int = 4) -> None:
        self._name = name
        self._process = os.getpid()
        self._lanes = [ThreadPoolExecutor(1, thread_name_prefix=f"sessiondb-{lane}") for lane in range(count)]

    async def run(self, key: Hashable, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Makes a call on the thread of this key."""
        return await self.start(key, call, *args, **kwargs)

    def start(
        self, key: Hashable, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> asyncio.Future[_T]:
        """Begins a call on the thread of this key."""
        return self._start(self._lanes[hash(key) % len(self._lanes)], call, *args, **kwargs)

    def all(self, call: Callable[[], _T]) -> list[asyncio.Future[_T]]:
        """Begins a call on each thread."""
        return [self._start(lane, call) for lane in self._lanes]

    def _start(
        self, lane: ThreadPoolExecutor, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> asyncio.Future[_T]:
        if os.getpid() != self._process:
            # The threads are not in this process, and nobody would make the call.
            error = ForkedError(
                f"{self._name}: this handle was opened by process {self._process}, from which this one was forked, "
                "and works only there; open it again in this process"
            )
            error.variant = "Forked"
            error.parent = self._process
            raise error
        loop = asyncio.get_running_loop()
        if kwargs:
            return loop.run_in_executor(lane, lambda: call(*args, **kwargs))
        return loop.run_in_executor(lane, call, *args)

    def close(self) -> None:
        """Ends the threads when they have made all calls that were begun."""
        if os.getpid() != self._process:
            return
        for lane in self._lanes:
            lane.shutdown(wait=False)
