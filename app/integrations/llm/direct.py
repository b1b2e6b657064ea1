"""The short way to servers that speak OpenAI's wire themselves: no SDK between the socket and the answer.

LiteLLM takes milliseconds of CPU a call to bring everything into one shape; here it is that shape already. What goes
wrong still becomes LiteLLM's own error, so that both ways fail alike.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

import aiohttp
import httpx
import orjson

from app.integrations.llm.route import Route
from app.integrations.llm.stream import Collected

_OWN_OPTIONS: Final = frozenset(
    {"model", "api_base", "api_key", "max_retries", "timeout", "extra_headers", "stream"}
)
_OPENAI: Final = "api.openai.com"
_MOST_CONNECTIONS: Final = 200


def address(way: Route, extra: Mapping[str, Any]) -> tuple[str, str] | None:
    """Base address and key, where the direct way may be taken: the demo model, and compatible servers.

    OpenAI's own models are left to LiteLLM, which knows what each of them refuses.
    """
    if "mock_response" in extra or not way.target.startswith("openai/"):
        return None
    if way.demo:
        return str(way.options["api_base"]), str(way.options["api_key"])
    base = os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE") or ""
    key = os.environ.get("OPENAI_API_KEY", "")
    if not base or not key or urlsplit(base).hostname == _OPENAI:
        return None
    return base.rstrip("/"), key


class DirectWire:
    """One connection pool a process."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        module: ModuleType,
        way: Route,
        at: tuple[str, str],
        options: Mapping[str, Any],
        emit: Callable[[str], None] | None,
        idle_timeout_s: float,
    ) -> Collected:
        """One answer, its text shown at once where `emit` is given. Raises as LiteLLM would."""
        base, key = at
        body = {name: value for name, value in options.items() if name not in _OWN_OPTIONS}
        body["model"] = way.target.removeprefix("openai/")
        if emit is not None:
            body["stream"] = True
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            **(options.get("extra_headers") or {}),
        }
        url = f"{base}/chat/completions"
        async with asyncio.timeout(idle_timeout_s) as patience:
            request = self._pool().post(url, data=orjson.dumps(body), headers=headers)
            async with request as response:
                if response.status >= 400:
                    raise _refused(module, way, url, response, await response.read())
                if emit is None:
                    return _whole(orjson.loads(await response.read()))
                return await _streamed(module, way, response, emit, patience, idle_timeout_s)

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=_MOST_CONNECTIONS, keepalive_timeout=30)
            # Patience is counted by `call`: what lasts long is fine as long as something comes.
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
            # To ask the environment anew for each call takes a thread and a look for ~/.netrc.
            proxied = bool(getproxies_environment())
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=proxied)
        return self._session


async def _streamed(
    module: ModuleType,
    way: Route,
    response: aiohttp.ClientResponse,
    emit: Callable[[str], None],
    patience: asyncio.Timeout,
    idle_timeout_s: float,
) -> Collected:
    collected, loop = Collected(), asyncio.get_running_loop()
    async for data in _events(response):
        patience.reschedule(loop.time() + idle_timeout_s)
        chunk = orjson.loads(data)
        if "error" in chunk:
            raise _error(module, way, 500, {}, chunk)
        if chunk.get("usage"):
            collected.usage = SimpleNamespace(**chunk["usage"])
        for choice in (chunk.get("choices") or ())[:1]:
            text = collected.take(_piece(choice.get("delta") or {}))
            collected.finish_reason = choice.get("finish_reason") or collected.finish_reason
            if text:
                emit(text)
    return collected


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The data of server-sent events until `[DONE]`."""
    rest = b""
    while True:
        piece = await response.content.readany()
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                return
            if data:
                yield data


def _whole(answer: Mapping[str, Any]) -> Collected:
    collected = Collected()
    choice = (answer.get("choices") or [{}])[0]
    collected.take(_piece(choice.get("message") or {}))
    collected.finish_reason = choice.get("finish_reason") or "stop"
    if answer.get("usage"):
        collected.usage = SimpleNamespace(**answer["usage"])
    return collected


def _piece(message: Mapping[str, Any]) -> SimpleNamespace:
    """A message or a delta in the form `Collected` reads."""
    calls = [
        SimpleNamespace(
            index=call.get("index", position),
            id=call.get("id"),
            function=SimpleNamespace(
                name=(call.get("function") or {}).get("name"),
                arguments=(call.get("function") or {}).get("arguments"),
            ),
        )
        for position, call in enumerate(message.get("tool_calls") or ())
    ]
    return SimpleNamespace(
        content=message.get("content"), refusal=message.get("refusal"), tool_calls=calls or None
    )


def _refused(
    module: ModuleType, way: Route, url: str, response: aiohttp.ClientResponse, raw: bytes
) -> Exception:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = {"error": {"message": raw.decode(errors="replace")[:500]}}
    return _error(module, way, response.status, dict(response.headers), body, url)


def _error(
    module: ModuleType,
    way: Route,
    status: int,
    headers: Mapping[str, str],
    body: Any,
    url: str = "http://model",
) -> Exception:
    """The error LiteLLM makes of this answer."""
    openai = module.exceptions.openai
    answer = httpx.Response(status, headers=headers, json=body, request=httpx.Request("POST", url))
    client = openai.OpenAI(api_key="none", base_url="http://model")
    raised: Exception = client._make_status_error_from_response(answer)
    try:
        module.exception_type(model=way.target, original_exception=raised, custom_llm_provider="openai")
    except Exception as error:
        return error
    return raised
