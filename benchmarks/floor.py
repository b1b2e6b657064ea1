"""The floor: FastAPI and an HTTP client that passes one question to the model, and nothing else."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx
from fastapi import FastAPI

MODEL = os.environ.get("DEMO_LLM_URL", "")
BODY = {"model": "bench", "messages": [{"role": "user", "content": "Hello"}]}
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


@app.get("/")
async def ready() -> dict[str, str]:
    return {}
