"""Measures the product on a stack of its own and writes the figures into `docs/performance.md`."""

import asyncio
import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from app.embedded.data_dir import DataDir, free_port
from app.embedded.stack import DEMO_EMAIL, Options, Stack
from benchmarks.measure import Figures, alone, children, figures, percentile
from benchmarks.report import Report, write

ROOT = Path(__file__).parent.parent
ASK = "Hello"


def node(node_id: str, node_type: str, **params: Any) -> dict[str, Any]:
    return {"id": node_id, "type": node_type, "params": params}


def chain(kind: str, *nodes: dict[str, Any]) -> dict[str, Any]:
    edges = [
        {"id": f"e{number}", "source": nodes[number]["id"], "target": nodes[number + 1]["id"]}
        for number in range(len(nodes) - 1)
    ]
    return {"schema": "flow/1", "kind": kind, "name": "Benchmark", "nodes": list(nodes), "edges": edges}


CHAT = chain(
    "agent",
    node("message", "trigger.chat"),
    node("answer", "ai.llm", model="demo/bench", prompt="{{ input.message }}"),
    node("reply", "channel.send", text="{{ input.text }}"),
)


def set_chain(length: int) -> dict[str, Any]:
    """`length` steps that each render a template."""
    steps = [
        node(f"s{number}", "logic.set", output={"n": number, "text": "Hello {{ trigger.name }}"})
        for number in range(length)
    ]
    return chain("task", node("call", "trigger.call"), *steps)


def branch_and_join() -> dict[str, Any]:
    """Four parallel steps that come together again."""
    nodes = [node("call", "trigger.call"), *(node(f"b{n}", "logic.set", output={"n": n}) for n in range(4))]
    nodes.append(node("join", "output.result", value="{{ input.b3.n }}"))
    edges = [("call", f"b{n}") for n in range(4)] + [(f"b{n}", "join") for n in range(4)]
    drawn = [{"id": f"e{n}", "source": source, "target": target} for n, (source, target) in enumerate(edges)]
    return {"schema": "flow/1", "kind": "task", "name": "Benchmark", "nodes": nodes, "edges": drawn}


def map_of_sets() -> dict[str, Any]:
    """One template step for each item of the input."""
    body = {**node("set", "logic.set", output={"n": "{{ item }}"}), "parent": "each"}
    nodes = [node("call", "trigger.call"), node("each", "logic.map", items="{{ input.items }}"), body]
    nodes.append(node("done", "output.result", value="{{ nodes.each.results | size }}"))
    edges = [("call", "out", "each"), ("each", "item", "set"), ("each", "done", "done")]
    drawn = [
        {"id": f"e{n}", "source": source, "source_port": port, "target": target}
        for n, (source, port, target) in enumerate(edges)
    ]
    return {"schema": "flow/1", "kind": "task", "name": "Benchmark", "nodes": nodes, "edges": drawn}


@contextlib.contextmanager
def process(*argv: str, port: int, env: dict[str, str] | None = None) -> Iterator[int]:
    """A process of ours that listens on `port`; its id."""
    running = subprocess.Popen(
        [sys.executable, *argv], cwd=ROOT, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while not _listening(port):
            if running.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{' '.join(argv)} did not start")
            time.sleep(0.05)
        yield running.pid
    finally:
        running.terminate()
        running.wait(10)


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Client:
    """The API as a program uses it."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http

    async def post(self, path: str, body: Any) -> Any:
        async with self.http.post(path, json=body) as response:
            answer = await response.json()
            if response.status >= 400:
                raise SystemExit(f"{path}: {response.status} {json.dumps(answer)[:500]}")
            return answer

    async def store(self, document: dict[str, Any]) -> str:
        return str((await self.post("/api/flows/import", document))["id"])

    async def chat(self, flow_id: str) -> None:
        answer = await self.post("/api/chat", {"message": ASK, "flow_id": flow_id})
        if answer["status"] != "succeeded" or not answer["response"]:
            raise SystemExit(f"the chat run failed: {answer}")

    async def run(self, flow_id: str, given: Any = None) -> None:
        body = {"input": given or {"name": "Ann"}, "wait": True}
        run = await self.post(f"/api/flows/{flow_id}/runs", body)
        if run["status"] != "succeeded":
            raise SystemExit(f"the run failed: {run}")

    async def first_token_ms(self, path: str, body: dict[str, Any], mark: bytes) -> float:
        """Milliseconds until `mark` arrives in a streamed answer."""
        began = time.perf_counter()
        async with self.http.post(path, json={**body, "stream": True}) as response:
            seen = b""
            while mark not in seen:
                piece = await response.content.readany()
                if not piece:
                    raise SystemExit(f"{path}: no {mark!r} in {seen[-500:]!r}")
                seen += piece
            taken = (time.perf_counter() - began) * 1000
            await response.read()
        return taken


@contextlib.asynccontextmanager
async def signed_in(url: str, password: str) -> AsyncIterator[Client]:
    connector = aiohttp.TCPConnector(limit=100)
    async with aiohttp.ClientSession(url, connector=connector) as http:
        account = {"email": DEMO_EMAIL, "password": password}
        async with http.post("/api/auth/login", json=account) as response:
            token = (await response.json())["access_token"]
        http.headers["authorization"] = f"Bearer {token}"
        yield Client(http)


async def floor(model_url: str) -> dict[str, Figures]:
    port = free_port()
    argv = (
        "-m",
        "uvicorn",
        "benchmarks.floor:app",
        "--port",
        str(port),
        "--no-access-log",
        "--log-level",
        "error",
    )
    found = {}
    with process(*argv, port=port, env={"DEMO_LLM_URL": model_url}) as pid:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            for name in ("httpx", "aiohttp"):

                async def call(name: str = name) -> None:
                    async with http.post(f"/{name}") as response:
                        await response.read()

                found[name] = await figures(call, {pid}, single=200, many=1_000)
    return found


async def first_token(client: Client, flow_id: str, model_url: str) -> tuple[float, float]:
    """Milliseconds to the first token: the model alone, and through a chat run."""
    raw_body = {"model": "bench", "messages": [{"role": "user", "content": ASK}]}
    async with aiohttp.ClientSession() as http:
        raw = Client(http)
        alone_ms = [
            await raw.first_token_ms(f"{model_url}/chat/completions", raw_body, b"token0") for _ in range(50)
        ]
    body = {"message": ASK, "flow_id": flow_id}
    ours_ms = [await client.first_token_ms("/api/chat", body, b"step.delta") for _ in range(60)]
    return percentile(alone_ms[10:], 0.5), percentile(ours_ms[10:], 0.5)


async def measure(folder: Path, model_url: str) -> Report:
    data = DataDir(folder)
    data.prepare()
    data.lock()
    port = free_port()
    options = Options(
        root=ROOT, host="127.0.0.1", port=port, base_url=f"http://127.0.0.1:{port}",
        demo_llm_url=model_url, pages=False,
    )  # fmt: skip
    floors = await floor(model_url)
    others = children(os.getpid())
    stack = Stack(options, data, lambda *_, **__: None)
    try:
        await stack.start()
        async with signed_in(options.base_url, data.secrets().demo_password) as client:
            chat_flow, chain_flow = await client.store(CHAT), await client.store(set_chain(200))
            await client.chat(chat_flow)
            chat = await figures(
                lambda: client.chat(chat_flow), children(os.getpid()) - others, single=100, many=600
            )
            raw_ms, ours_ms = await first_token(client, chat_flow, model_url)
            chain_ms = percentile(await alone(lambda: client.run(chain_flow), 40), 0.5)
            join_flow, map_flow = await client.store(branch_and_join()), await client.store(map_of_sets())
            join_ms = percentile(await alone(lambda: client.run(join_flow), 60), 0.5)
            items = {"items": list(range(1_000))}
            map_ms = percentile(await alone(lambda: client.run(map_flow, items), 20, warm=3), 0.5)
    finally:
        await stack.stop()
    return Report(floors, chat, raw_ms, ours_ms, chain_ms, join_ms, map_ms, await second_start(options, data))


async def second_start(options: Options, data: DataDir) -> float:
    """Seconds until an instance with data is ready and has answered a run."""
    stack = Stack(options, data, lambda *_, **__: None)
    began = time.perf_counter()
    try:
        await stack.start()
        ready_s = time.perf_counter() - began
    finally:
        await stack.stop()
    return ready_s


def main() -> None:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        with process("-m", "emulators.llm", "--port", str(port), "--test-models", port=port):
            report = asyncio.run(measure(Path(folder) / "data", f"http://127.0.0.1:{port}/v1"))
        table = report.table(f"{os.cpu_count()} cores, Python {platform.python_version()}")
        print(table)
        write(ROOT / "docs" / "performance.md", table)
