"""What the benchmarks talk with: processes of their own, and the API as a program uses it."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from app.embedded.stack import DEMO_EMAIL
from benchmarks.measure import Failed

ROOT = Path(__file__).parent.parent
ASK = "Hello"
AT_ONCE = 200
_KEEP_ALIVE_S = 2  # less than the server's, or a call may go out on a connection that is just being closed


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
                raise Failed(f"{' '.join(argv)} did not start")
            time.sleep(0.05)
        yield running.pid
    finally:
        running.terminate()
        running.wait(10)


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Client:
    """The API as a program uses it. Every answer that is not as expected ends the benchmark."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.streams = self.streams_without_text = 0

    async def post(self, path: str, body: Any) -> Any:
        async with self.http.post(path, json=body) as response:
            answer = await response.json()
            if response.status >= 400:
                raise Failed(f"{path}: {response.status} {json.dumps(answer)[:500]}")
            return answer

    async def get(self, path: str, **query: Any) -> Any:
        async with self.http.get(path, params=query) as response:
            answer = await response.json()
            if response.status >= 400:
                raise Failed(f"{path}: {response.status} {json.dumps(answer)[:500]}")
            return answer

    async def store(self, document: dict[str, Any]) -> str:
        return str((await self.post("/api/flows/import", document))["id"])

    async def chat(self, flow_id: str) -> None:
        answer = await self.post("/api/chat", {"message": ASK, "flow_id": flow_id})
        if answer["status"] != "succeeded" or not answer["response"]:
            raise Failed(f"the chat run failed: {answer}")

    async def chat_streamed(self, flow_id: str) -> None:
        """A streamed answer, read to its end."""
        body = {"message": ASK, "flow_id": flow_id, "stream": True}
        async with self.http.post("/api/chat", json=body) as response:
            text = await response.read()
        _, found, last = text.rpartition(b"event: chat.finished\ndata: ")
        answer = json.loads(last) if found else {}
        if answer.get("status") != "succeeded" or not answer["response"]:
            raise Failed(f"the streamed chat run failed: {text[-500:]!r}")
        self.streams += 1
        # Pieces of text are transient: a reader that comes after the end finds the whole answer instead.
        self.streams_without_text += b"event: step.delta" not in text

    async def run(self, flow_id: str, given: Any = None) -> None:
        body = {"input": given or {"name": "Ann"}, "wait": True}
        run = await self.post(f"/api/flows/{flow_id}/runs", body)
        if run["status"] != "succeeded":
            raise Failed(f"the run failed: {run}")

    async def read(self, path: str, body: Any = None) -> None:
        """Ask by POST and read the answer to its end."""
        async with self.http.post(path, json=body) as response:
            text = await response.read()
            if response.status >= 400 or not text:
                raise Failed(f"{path}: {response.status} {text[:500]!r}")

    async def first_token_ms(self, path: str, body: dict[str, Any], *marks: bytes) -> float:
        """Milliseconds until the first of `marks` arrives in a streamed answer."""
        began = time.perf_counter()
        async with self.http.post(path, json={**body, "stream": True}) as response:
            seen = b""
            while not any(mark in seen for mark in marks):
                piece = await response.content.readany()
                if not piece:
                    raise Failed(f"{path}: no {marks!r} in {seen[-500:]!r}")
                seen += piece
            taken = (time.perf_counter() - began) * 1000
            await response.read()
        return taken


@contextlib.asynccontextmanager
async def talking_to(url: str) -> AsyncIterator[Client]:
    """A client without an account."""
    connector = aiohttp.TCPConnector(limit=AT_ONCE, keepalive_timeout=_KEEP_ALIVE_S)
    async with aiohttp.ClientSession(url, connector=connector) as http:
        yield Client(http)


@contextlib.asynccontextmanager
async def signed_in(url: str, password: str) -> AsyncIterator[Client]:
    async with talking_to(url) as client:
        answer = await client.post("/api/auth/login", {"email": DEMO_EMAIL, "password": password})
        client.http.headers["authorization"] = f"Bearer {answer['access_token']}"
        yield client
