"""What the whole product costs while nobody asks anything: as `make run` starts it, with its pages."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import async_playwright

from app.embedded.data_dir import free_port
from app.embedded.stack import DEMO_EMAIL
from benchmarks import documents
from benchmarks.client import ROOT, signed_in
from benchmarks.measure import Failed, Parts, Samples, children, idle

_READY_WITHIN_S = 600
_SETTLE_S = 15.0
_FOR_S = 60.0
_SERVERS_OF_OURS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEYS", "PUBLIC_URL", "DEMO_LLM_URL")


@dataclass(frozen=True, slots=True)
class Running:
    url: str
    password: str
    pid: int

    def parts(self) -> Parts:
        """The supervisor's children by what they are; the supervisor itself is measured by itself."""
        return {_part(pid): pid for pid in children(self.pid)}


@contextlib.contextmanager
def whole_product(folder: Path) -> Iterator[Running]:
    """`python -m app up` on a data folder of its own."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if name not in _SERVERS_OF_OURS}
    running = subprocess.Popen(
        [sys.executable, "-m", "app", "up"],
        cwd=ROOT,
        env={**env, "PORT": str(port), "DATA_DIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _READY_WITHIN_S
        while not (folder / "endpoints.json").exists():
            if running.poll() is not None or time.monotonic() > deadline:
                raise Failed("the product did not start")
            time.sleep(0.2)
        password = json.loads((folder / "secrets.json").read_text())["demo_password"]
        yield Running(f"http://127.0.0.1:{port}", password, running.pid)
    finally:
        running.terminate()
        running.wait(60)


async def measure(folder: Path, found: Samples) -> None:
    """Seconds of CPU a minute, without a browser and with one that shows a flow and is left alone."""
    with whole_product(folder) as product:
        parts = product.parts()
        async with signed_in(product.url, product.password) as client:
            flow_id = await client.store(documents.chat("demo/assistant"))
            await client.chat(flow_id)
        await idle(parts, _SETTLE_S)
        await _minute(product.pid, parts, "idle", found)
        if os.environ.get("CHROMIUM"):
            async with _editor(product, flow_id):
                await idle(parts, _SETTLE_S)
                await _minute(product.pid, parts, "idle.editor", found)


async def _minute(supervisor: int, parts: Parts, name: str, found: Samples) -> None:
    spent = {
        part: each * 60 / 1000 for part, each in (await idle({**parts, "all": supervisor}, _FOR_S)).items()
    }
    found.add(name, spent["all"])
    for part in parts:
        found.add(f"{name}.{part}", spent[part])


@contextlib.asynccontextmanager
async def _editor(product: Running, flow_id: str) -> AsyncIterator[None]:
    """One page that shows a flow. The browser's own CPU counts nowhere."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=os.environ["CHROMIUM"], args=["--no-sandbox", "--disable-gpu"]
        )
        page = await (await browser.new_context(base_url=product.url)).new_page()
        await page.goto("/login")
        await page.get_by_test_id("email").fill(DEMO_EMAIL)
        await page.get_by_test_id("password").fill(product.password)
        await page.get_by_test_id("submit").click()
        await page.wait_for_url("**/flows")
        await page.goto(f"/flows/{flow_id}")
        await page.locator(".react-flow__node").first.wait_for(timeout=60_000)
        yield
        await browser.close()


def _part(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    known = {b"/postgres ": "postgres", b"valkey": "valkey", b"emulators.llm": "demo_llm"}
    known |= {b"uvicorn": "web", b"dramatiq": "worker"}
    return next((name for mark, name in known.items() if mark in words), words.decode()[:40])
