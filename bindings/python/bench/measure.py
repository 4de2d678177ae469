"""Two stores that do the same in turn: times, and what is told of them."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

Work = Callable[[], Awaitable[object]]


@dataclass
class Times:
    """How long a piece of work took, in seconds."""

    taken: list[float] = field(default_factory=list)

    async def take(self, work: Work) -> object:
        began = time.perf_counter_ns()
        result = await work()
        self.taken.append((time.perf_counter_ns() - began) / 1e9)
        return result

    def median(self) -> float:
        return statistics.median(self.taken)

    def p99(self) -> float:
        return sorted(self.taken)[max(0, -(-len(self.taken) * 99 // 100) - 1)]


async def in_turn(rounds: int, ours: Callable[[int], Work], theirs: Callable[[int], Work]) -> tuple[Times, Times]:
    """Lets both do each round, every other one the other way about."""
    one, other = Times(), Times()
    for number in range(rounds):
        pair = [(one, ours(number)), (other, theirs(number))]
        for times, work in reversed(pair) if number % 2 else pair:
            await times.take(work)
    return one, other


def bytes_of(path: Path) -> int:
    """The size of a file with what SQLite has beside it."""
    beside = (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm"))
    return sum(file.stat().st_size for file in beside if file.exists())


class Table:
    """What is told: a row a workload."""

    def __init__(self, title: str, theirs: str) -> None:
        print(f"\n## {title}\n")
        print(f"| | sessiondb | p99 | {theirs} | p99 | times as fast |")
        print("|---|---:|---:|---:|---:|---:|")

    def row(self, what: str, ours: Times, theirs: Times) -> None:
        ratio = theirs.median() / ours.median()
        cells = (ours.median(), ours.p99(), theirs.median(), theirs.p99())
        print(f"| {what} | {' | '.join(_shown(cell) for cell in cells)} | {ratio:.2f} |", flush=True)

    def sizes(self, what: str, ours: int, theirs: int) -> None:
        print(f"| {what} | {ours:,} | | {theirs:,} | | {theirs / ours:.2f} |", flush=True)


def _shown(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} us" if seconds < 0.001 else f"{seconds * 1e3:.2f} ms"


def machine(folder: Path) -> None:
    """Says where and how it was measured."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    print(f"`{' '.join([Path(sys.executable).name, *sys.orig_argv[1:]])}`")
    print(f"\n{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}")
    if hasattr(os, "getloadavg"):
        print(f"load before: {os.getloadavg()[0]:.2f}; ", end="")
    began = time.perf_counter_ns()
    probe = folder / "probe"
    with probe.open("wb") as file:
        for _ in range(100):
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
    print(f"one write and fsync of 4 KiB: {(time.perf_counter_ns() - began) / 100 / 1e3:.0f} us")
    probe.unlink()
