"""Answers that go on for a while: server-sent events and lines of JSON, with a sign of life in quiet times."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from typing import Any, Final

import orjson
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.flows.events import LiveEvent

SSE: Final = "text/event-stream"
NDJSON: Final = "application/x-ndjson"
_QUIET_S: Final = 10.0
_HEADERS: Final = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}


def wants(accept: str) -> str:
    """The kind of stream an `Accept` header asks for; empty when it asks for none."""
    if SSE in accept:
        return SSE
    return NDJSON if "ndjson" in accept else ""


def last_seen(header: str | None) -> int:
    """The number in `Last-Event-ID`; 0 where there is none or it is no number."""
    return int(header) if header and header.isdigit() and len(header) < 10 else 0


Batches = AsyncGenerator[list[LiveEvent], None]


class Stream(StreamingResponse):
    """Starlette's, with two tasks instead of a task group of its own for every answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self.stream_response(send))
        gone = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not sending.done():
                sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending


def events(source: Batches, kind: str) -> StreamingResponse:
    """A run's events as a stream of `kind`."""
    return respond(framed(source, kind), kind)


async def begun(parts: AsyncGenerator[bytes, None], kind: str) -> StreamingResponse:
    """A stream whose first part is there already: what forbids it is an answer of its own, with its status."""
    first = await anext(parts)
    return respond(_from(first, parts), kind)


async def _from(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        async for part in rest:
            yield part


def whole(value: BaseModel, status: int = 200) -> Response:
    """A model as the answer. FastAPI would check it once more and copy it on the way."""
    return Response(value.model_dump_json(), status, media_type="application/json")


def respond(parts: AsyncIterator[bytes], kind: str, status: int = 200) -> StreamingResponse:
    return Stream(parts, status, _HEADERS, kind or SSE)


async def framed(source: Batches, kind: str) -> AsyncGenerator[bytes, None]:
    """Each event in its frame; a comment (or an empty line) when there is nothing to say for a while."""
    quiet = b"\n" if kind == NDJSON else b": still here\n\n"
    async with aclosing(source):
        pending: asyncio.Task[list[LiveEvent]] | None = None
        try:
            while True:
                pending = pending or asyncio.ensure_future(_next(source))
                done, _ = await asyncio.wait({pending}, timeout=_QUIET_S)
                if not done:
                    yield quiet
                    continue
                try:
                    batch = pending.result()
                except StopAsyncIteration:
                    return
                pending = None
                if batch:
                    yield b"".join(_framed(event, kind) for event in batch)
        finally:
            if pending is not None:
                pending.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await pending


def _framed(event: LiveEvent, kind: str) -> bytes:
    return line(event) if kind == NDJSON else frame(event["type"], event, event["seq"])


async def _next(source: Batches) -> list[LiveEvent]:
    return await anext(source)


def frame(event: str, data: Mapping[str, Any], number: int = 0) -> bytes:
    """One server-sent event. Only numbered ones can be resumed after, so only they carry an id."""
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {event}\ndata: ".encode() + orjson.dumps(data, default=str) + b"\n\n"


def line(data: Mapping[str, Any]) -> bytes:
    return orjson.dumps(data, default=str) + b"\n"
