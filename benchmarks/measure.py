"""Latency at 1, throughput at 50, and the CPU that each part of the product spent meanwhile."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
Call = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Figures:
    """Times in milliseconds. `cpu_ms` is what the measured processes spent on one call at concurrency 50."""

    p50_ms: float
    p95_ms: float
    per_s: float
    cpu_ms: float


def percentile(times: Iterable[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


async def alone(call: Call, times: int, warm: int = 10) -> list[float]:
    """Milliseconds of each of `times` calls, one after another."""
    for _ in range(warm):
        await call()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await call()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


async def together(call: Call, times: int, at_once: int = 50) -> float:
    """Calls a second with `at_once` under way."""
    left = times

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await call()

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return times / (time.perf_counter() - began)


async def figures(call: Call, pids: set[int], *, single: int, many: int) -> Figures:
    """Everything about one call. The CPU of `pids` and their descendants counts."""
    times = await alone(call, single)
    await together(call, min(many, 100))
    before = cpu_ms(pids)
    per_s = await together(call, many)
    spent = cpu_ms(pids) - before
    return Figures(percentile(times, 0.5), percentile(times, 0.95), per_s, spent / many)


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
