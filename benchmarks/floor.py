"""The floor: FastAPI and an HTTP client that passes one question to the model, and nothing else."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx
from fastapi import FastAPI
from starlette.responses import StreamingResponse

MODEL = os.environ.get("DEMO_LLM_URL", "")
BODY = {"model": "bench", "messages": [{"role": "user", "content": "Hello"}]}
STREAMED = {**BODY, "stream": True}
clients: dict[str, Any] = {}


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(limits=limits) as one, aiohttp.ClientSession() as other:
        clients.update(httpx=one, aiohttp=other)
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/httpx")
async def with_httpx() -> Any:
    response = await clients["httpx"].post(f"{MODEL}/chat/completions", json=BODY)
    return response.json()["choices"][0]["message"]


@app.post("/aiohttp")
async def with_aiohttp() -> Any:
    async with clients["aiohttp"].post(f"{MODEL}/chat/completions", json=BODY) as response:
        return (await response.json())["choices"][0]["message"]


@app.post("/httpx/stream")
async def stream_with_httpx() -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        async with clients["httpx"].stream("POST", f"{MODEL}/chat/completions", json=STREAMED) as response:
            async for piece in response.aiter_raw():
                yield piece

    return StreamingResponse(pieces(), media_type="text/event-stream")


@app.post("/aiohttp/stream")
async def stream_with_aiohttp() -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        async with clients["aiohttp"].post(f"{MODEL}/chat/completions", json=STREAMED) as response:
            async for piece in response.content.iter_any():
                yield piece

    return StreamingResponse(pieces(), media_type="text/event-stream")


@app.get("/")
async def ready() -> dict[str, str]:
    return {}
