"""Reading a streamed answer: text as it arrives, tool calls put together, usage from the last chunk."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any


class Collected:
    """What a model answered, whether it came whole or in pieces."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.calls: dict[int, dict[str, Any]] = {}
        self.finish_reason = "stop"
        self.refusal = ""
        self.usage: Any = None

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def take(self, piece: Any) -> str:
        """Add a message or a delta of one; its new text."""
        for position, call in enumerate(getattr(piece, "tool_calls", None) or ()):
            index = getattr(call, "index", position)
            known = self.calls.setdefault(
                position if index is None else index,
                {"id": "", "type": "function", "function": {"name": "", "arguments": ""}},
            )
            known["id"] = call.id or known["id"]
            known["function"]["name"] += call.function.name or ""
            known["function"]["arguments"] += call.function.arguments or ""
        self.refusal += getattr(piece, "refusal", None) or ""
        text: str = getattr(piece, "content", None) or ""
        if text:
            self.parts.append(text)
        return text


def whole(response: Any) -> Collected:
    """An answer that came in one piece."""
    collected = Collected()
    choice = response.choices[0]
    collected.take(choice.message)
    collected.finish_reason = choice.finish_reason or "stop"
    collected.usage = getattr(response, "usage", None)
    return collected


def chunks_of(response: Any) -> AsyncIterator[Any]:
    """The chunks of a streamed response.

    LiteLLM's wrapper takes half a millisecond of CPU a chunk to bring it into OpenAI's shape. Where the provider's
    own stream is OpenAI's already, it is read directly: three times the calls a second.
    """
    inner: Any = getattr(response, "completion_stream", None)
    chunks: AsyncIterator[Any] = inner if type(inner).__module__.partition(".")[0] == "openai" else response
    return chunks


async def streamed(
    chunks: AsyncIterator[Any], emit: Callable[[str], None], idle_timeout_s: float
) -> Collected:
    """Collect a stream, showing text at once. Raises `TimeoutError` when nothing comes for too long."""
    collected = Collected()
    source = aiter(chunks)
    try:
        while True:
            try:
                async with asyncio.timeout(idle_timeout_s):
                    chunk = await anext(source)
            except StopAsyncIteration:
                return collected
            if getattr(chunk, "usage", None):
                collected.usage = chunk.usage
            for choice in chunk.choices[:1]:
                text = collected.take(choice.delta)
                collected.finish_reason = choice.finish_reason or collected.finish_reason
                if text:
                    emit(text)
    finally:
        await _close(chunks)


async def _close(chunks: Any) -> None:
    """Give the connection back, also when the run was cancelled in the middle of an answer."""
    close = getattr(chunks, "close", None) or getattr(chunks, "aclose", None)
    if close is not None:
        await close()
