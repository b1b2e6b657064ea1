"""A running instance of the product without pages, on a data folder of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from app.embedded.data_dir import DataDir, free_port
from app.embedded.stack import Options, Stack
from benchmarks.client import ROOT, Client, signed_in
from benchmarks.measure import Failed, Parts

PARTS = ("worker", "web", "postgres", "valkey")


@dataclass(frozen=True, slots=True)
class Product:
    data: DataDir
    options: Options
    stack: Stack
    client: Client

    def parts(self) -> Parts:
        return {name: self.stack.supervisor.pid(name) or 0 for name in PARTS}

    @property
    def database_url(self) -> str:
        return self.stack.endpoints.database_url


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
    except Failed:
        await asyncio.sleep(1)  # the last words
        for part in ("web", "worker"):
            print(data.log(part).read_text(errors="replace")[-6_000:])
        raise
    finally:
        await stack.stop()
