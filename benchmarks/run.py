"""Measures the product on stacks of its own and writes the figures into `docs/performance.md`."""

import argparse
import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from app.embedded.data_dir import DataDir, free_port
from app.embedded.stack import Options, Stack
from benchmarks import idle, million, waiting
from benchmarks.client import ROOT, process, talking_to
from benchmarks.measure import Samples
from benchmarks.product import product
from benchmarks.report import LONG, SHORT, cpu_by_part, idle_by_part, table, write
from benchmarks.rounds import SECTIONS, Subjects, one_round, stored

LONG_SECTIONS = ("idle", "waiting", "million")
_FLOOR = ("-m", "uvicorn", "benchmarks.floor:app", "--no-access-log", "--log-level", "error", "--port")


async def short(folder: Path, model_url: str, rounds: int, only: Collection[str]) -> Samples:
    """Everything that takes little time, or what `only` names."""
    found, port = Samples(), free_port()
    with process(*_FLOOR, str(port), port=port, env={"DEMO_LLM_URL": f"{model_url}/v1"}) as floor_pid:
        async with (
            talking_to(f"http://127.0.0.1:{port}") as floor,
            talking_to(model_url) as model,
            product(folder, model_url) as ours,
        ):
            who = Subjects(floor, floor_pid, model, ours.client, ours.parts())
            flows = await stored(ours.client)
            await one_round(who, flows, Samples(), only)
            for number in range(rounds):
                print(f"round {number + 1} of {rounds}", flush=True)
                await one_round(who, flows, found, only)
    if set(only) == set(SECTIONS):
        found.add("second_start", await _second_start(ours.options, ours.data))
    return found


async def _second_start(options: Options, data: DataDir) -> float:
    """Seconds until an instance with data is ready."""
    stack = Stack(options, data, lambda *_, **__: None)
    began = time.perf_counter()
    try:
        await stack.start()
        return time.perf_counter() - began
    finally:
        await stack.stop()


async def long(folder: Path, model_url: str, only: Collection[str], rounds: int, scale: float) -> Samples:
    """What takes minutes."""
    found = Samples()
    if "idle" in only:
        print("idle", flush=True)
        await idle.measure(folder / "idle", found)
    if "waiting" in only:
        print("waiting", flush=True)
        async with product(folder / "waiting", model_url) as ours:
            await waiting.measure(ours.client, ours.parts(), ours.database_url, found, scale)
    if "million" in only:
        print("million", flush=True)
        async with (
            product(folder / "empty", model_url) as empty,
            product(folder / "million", model_url) as full,
        ):
            await million.measure(empty, full, rounds, found, scale)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how many short rounds the medians are of")
    parser.add_argument("--full", action="store_true", help="also what takes minutes")
    parser.add_argument("--scale", type=float, default=1.0, help="the share of the rows; writes no file")
    every = (*SECTIONS, *LONG_SECTIONS)
    parser.add_argument("--only", nargs="+", default=[], choices=every, help="parts; writes no file")
    chosen = parser.parse_args()
    wanted = chosen.only or (every if chosen.full else tuple(SECTIONS))
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        process("-m", "emulators.llm", "--port", str(port), "--test-models", port=port),
    ):
        root, model_url = Path(folder), f"http://127.0.0.1:{port}"
        quick = [name for name in wanted if name in SECTIONS]
        if quick:
            found = asyncio.run(short(root / "short", model_url, chosen.rounds, quick))
            _tell("figures", _short_text(found, chosen.rounds), keep=not chosen.only)
        slow = [name for name in wanted if name in LONG_SECTIONS]
        if slow:
            text = _long_text(asyncio.run(long(root, model_url, slow, chosen.rounds, chosen.scale)))
            _tell("full figures", text, keep=not chosen.only and chosen.scale == 1)


def _tell(name: str, text: str, *, keep: bool) -> None:
    print(text)
    if keep:
        write(ROOT / "docs" / "performance.md", name, text)


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"


def _short_text(found: Samples, rounds: int) -> str:
    names = {"chat": "a chat run at 50", "stream": "streamed", "slow": "with the slow model"}
    head = f"Medians of {rounds} rounds of `make bench`, {_machine()}; client and model on the same cores."
    return f"{head}\n\n{table(SHORT, found)}\n\n{cpu_by_part(names, found)}"


def _long_text(found: Samples) -> str:
    names = {
        "idle": "idle, s a minute",
        "idle.editor": "idle with an editor open, s a minute",
        "waiting.before": "no runs wait, ms/s",
        "waiting.cpu": "100,000 runs wait, ms/s",
    }
    head = f"One run of `make bench FULL=1`, {_machine()}."
    parts = [head, table(LONG, found), idle_by_part(names, found), million.reads_table(found)]
    return "\n\n".join(part for part in parts if part)
