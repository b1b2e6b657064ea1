"""Latency of one call after another, throughput of many at once, and the CPU that processes spent meanwhile."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
Call = Callable[[], Awaitable[None]]
Parts = Mapping[str, int]


class Failed(Exception):
    """Something did not answer as it must, so there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a second, and the CPU in milliseconds that each part spent on one of them."""

    per_s: float
    cpu_ms: Mapping[str, float]

    @property
    def whole_cpu_ms(self) -> float:
        return sum(self.cpu_ms.values())


class Samples:
    """What the rounds gave, by name."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        self._values.setdefault(name, []).append(value)

    def add_rate(self, name: str, rate: Rate) -> None:
        """As `name.per_s`, `name.cpu_ms`, and `name.cpu_ms.<part>` where there are several."""
        self.add(f"{name}.per_s", rate.per_s)
        self.add(f"{name}.cpu_ms", rate.whole_cpu_ms)
        for part, spent in rate.cpu_ms.items():
            self.add(f"{name}.cpu_ms.{part}", spent)

    def last(self, name: str) -> float:
        return self._values[name][-1]

    def spread(self, name: str) -> "Spread":
        values = self._values[name]
        return Spread(median(values), min(values), max(values))

    def __contains__(self, name: str) -> bool:
        return name in self._values


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several rounds, the lowest and the highest: a noisy neighbour shows in the distance."""

    median: float
    low: float
    high: float


def percentile(times: Iterable[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


async def alone(call: Call, times: int, warm: int = 3) -> list[float]:
    """Milliseconds of each of `times` calls, one after another."""
    for _ in range(warm):
        await call()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await call()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


async def together(
    call: Call, parts: Parts, at_once: int = 50, warm_s: float = 0.5, for_s: float = 2.0
) -> Rate:
    """The rate while `at_once` calls are always under way: what ends within the window counts."""
    ended, stopping = 0, False

    async def caller() -> None:
        nonlocal ended
        while not stopping:
            await call()
            ended += 1

    callers = [asyncio.create_task(caller()) for _ in range(at_once)]
    failed = asyncio.gather(*callers)
    await asyncio.wait({failed}, timeout=warm_s)
    ended, began, before = 0, time.perf_counter(), _by_part(parts)
    await asyncio.wait({failed}, timeout=for_s)
    count, took_s, after = ended, time.perf_counter() - began, _by_part(parts)
    stopping = True
    await failed
    return Rate(count / took_s, {part: (after[part] - before[part]) / max(count, 1) for part in parts})


async def idle(parts: Parts, for_s: float) -> dict[str, float]:
    """Milliseconds of CPU that each part spends in a second while nobody asks anything."""
    before, began = _by_part(parts), time.perf_counter()
    await asyncio.sleep(for_s)
    took_s, after = time.perf_counter() - began, _by_part(parts)
    return {part: (after[part] - before[part]) / took_s for part in parts}


def speed_ms() -> float:
    """CPU that a fixed piece of work takes: how fast this machine is at this moment."""
    began = time.process_time()
    text = ""
    for number in range(100_000):
        text = f"{number}{text[:20]}"
    return (time.process_time() - began) * 1000


def memory_mb(pid: int) -> float:
    """Resident memory of a process and its descendants."""
    return sum(_resident_kb(each) for each in family({pid})) / 1024


def _by_part(parts: Parts) -> dict[str, float]:
    return {part: cpu_ms({pid}) for part, pid in parts.items()}


def cpu_ms(pids: set[int]) -> float:
    """CPU time of these processes so far, their living children's included."""
    return sum(_own_cpu_ms(pid) for pid in family(pids))


def children(pid: int) -> set[int]:
    """The direct children of a process."""
    return {
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _parent(entry) == pid
    }


def _parent(entry: Path) -> int:
    fields = _stat(int(entry.name))
    return int(fields[1]) if fields else 0


def family(pids: set[int]) -> set[int]:
    """The processes and all their descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                parents[int(entry.name)] = int(fields[1])
    found = set(pids)
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def _own_cpu_ms(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * _TICK_MS if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the command's name; none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _resident_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
