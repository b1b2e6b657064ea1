"""Measures the product on a stack of its own and writes the figures into `docs/performance.md`."""

import argparse
import asyncio
import contextlib
import os
import platform
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from app.embedded.data_dir import DataDir, free_port
from app.embedded.stack import Options, Stack
from benchmarks.client import ROOT, Client, process, signed_in, talking_to
from benchmarks.measure import Parts, Samples
from benchmarks.report import SHORT, cpu_by_part, table, write
from benchmarks.rounds import SECTIONS, Subjects, one_round, stored

PARTS = ("worker", "web", "postgres", "valkey")
_FLOOR = ("-m", "uvicorn", "benchmarks.floor:app", "--no-access-log", "--log-level", "error", "--port")


@dataclass(frozen=True, slots=True)
class Product:
    """A running instance without pages."""

    data: DataDir
    options: Options
    stack: Stack
    client: Client

    def parts(self) -> Parts:
        return {name: self.stack.supervisor.pid(name) or 0 for name in PARTS}


@contextlib.asynccontextmanager
async def product(folder: Path, model_url: str) -> AsyncIterator[Product]:
    data = DataDir(folder)
    data.prepare()
    data.lock()
    port = free_port()
    options = Options(
        root=ROOT, host="127.0.0.1", port=port, base_url=f"http://127.0.0.1:{port}",
        demo_llm_url=f"{model_url}/v1", pages=False,
    )  # fmt: skip
    stack = Stack(options, data, lambda *_, **__: None)
    try:
        await stack.start()
        async with signed_in(options.base_url, data.secrets().demo_password) as client:
            yield Product(data, options, stack, client)
    finally:
        await stack.stop()


async def short(folder: Path, model_url: str, rounds: int, only: list[str]) -> Samples:
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
    if not only:
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how many short rounds the medians are of")
    parser.add_argument("--only", nargs="+", default=[], choices=SECTIONS, help="a part; writes no file")
    chosen = parser.parse_args()
    port, where = free_port(), f"{os.cpu_count()} cores, Python {platform.python_version()}"
    with (
        tempfile.TemporaryDirectory() as folder,
        process("-m", "emulators.llm", "--port", str(port), "--test-models", port=port),
    ):
        found = asyncio.run(
            short(Path(folder) / "data", f"http://127.0.0.1:{port}", chosen.rounds, chosen.only)
        )
    names = {"chat": "a chat run at 50", "stream": "streamed", "slow": "with the slow model"}
    text = "\n".join([
        f"Medians of {chosen.rounds} rounds of `make bench`, {where}; client and model on the same cores.",
        "",
        table(SHORT, found),
        "",
        cpu_by_part(names, found),
    ])  # fmt: skip
    print(text)
    if not chosen.only:
        write(ROOT / "docs" / "performance.md", "figures", text)
