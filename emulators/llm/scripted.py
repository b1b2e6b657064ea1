"""Models for tests and benchmarks: instant, failing, slow or hanging. Served only with `--test-models`."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from emulators.llm import wire
from emulators.llm.dialogue import text_of

BENCH_TEXT: Final = " ".join(f"token{number}" for number in range(20))
SLOW_S: Final = 0.3
_UNIFORM_S: Final = (0.05, 0.35)
NAMES: Final = (
    "echo", "bench", "uniform", "slow", "hang", "empty", "not-json", "repairs", "refuse", "break-mid-stream", "hang-mid-stream",
    "error-400", "error-401", "error-404", "error-429", "error-500", "error-503", "error-context",
)  # fmt: skip
_FAILURES: Final[Mapping[str, tuple[int, str, str, str | None]]] = {
    "error-400": (400, "Invalid value for temperature.", "invalid_request_error", "invalid_value"),
    "error-401": (401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    "error-404": (404, "The model does not exist.", "invalid_request_error", "model_not_found"),
    "error-429": (429, "Rate limit reached.", "requests", "rate_limit_exceeded"),
    "error-500": (500, "The server had an error.", "server_error", None),
    "error-503": (503, "The engine is overloaded.", "server_error", None),
    "error-context": (
        400,
        "This model's maximum context length is 4096 tokens. However, your messages resulted in 9000 tokens.",
        "invalid_request_error",
        "context_length_exceeded",
    ),
}


async def failed(name: str) -> web.Response | None:
    """The scripted failure of this model, if it is one that answers with an error or never."""
    if name == "hang":
        await asyncio.sleep(3600)
    if name not in _FAILURES:
        return None
    status, message, type_, code = _FAILURES[name]
    return wire.failure(status, message, type_, code, {"retry-after": "7"} if status == 429 else None)


async def message(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a scripted model says."""
    if name == "slow":
        await asyncio.sleep(SLOW_S)
    if name == "uniform":
        await asyncio.sleep(random.uniform(*_UNIFORM_S))  # noqa: S311 - a latency
    if name == "refuse":
        return {"content": None, "refusal": "I cannot help with that."}
    last = text_of(body["messages"][-1].get("content"))
    if name == "repairs":
        return {"content": '{"name": "Ann"}' if "Answer again" in last else '{"nom": "Ann"}'}
    said = {"empty": "", "not-json": "certainly {not json", "bench": BENCH_TEXT, "uniform": BENCH_TEXT}
    return {"content": said.get(name, last)}
