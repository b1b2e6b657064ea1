"""The HTTP side: `/v1/models` and `/v1/chat/completions`, streamed or whole, with tools and JSON answers."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from emulators.llm import scripted, wire
from emulators.llm.assistant import answer
from emulators.llm.dialogue import read, text_of
from emulators.llm.extract import fill
from emulators.llm.words import stems

ASSISTANT: Final = "assistant"
_TYPING_S: Final = 0.012  # a pause between words, so that a person sees the answer arrive
_TEST_MODELS = web.AppKey("test_models", bool)


def application(*, test_models: bool = False) -> web.Application:
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app[_TEST_MODELS] = test_models
    for prefix in ("/v1", ""):
        app.router.add_get(f"{prefix}/models", _models)
        app.router.add_post(f"{prefix}/chat/completions", _complete)
    return app


def _names(app: web.Application) -> tuple[str, ...]:
    return (ASSISTANT, *scripted.NAMES) if app[_TEST_MODELS] else (ASSISTANT,)


async def _models(request: web.Request) -> web.Response:
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "demo"} for name in _names(request.app)]
    return web.json_response({"object": "list", "data": data})


async def _complete(request: web.Request) -> web.StreamResponse:
    try:
        body = await request.json()
        name = body["model"]
        messages = body["messages"]
        valid = isinstance(messages, list) and messages and all(isinstance(each, dict) for each in messages)
    except (ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        return wire.failure(400, "The body needs `model` and `messages`.", "invalid_request_error")
    if name not in _names(request.app):
        return wire.failure(
            404, f"The model `{name}` does not exist.", "invalid_request_error", "model_not_found"
        )
    failure = await scripted.failed(name)
    if failure is not None:
        return failure
    message = _assist(body) if name == ASSISTANT else await scripted.message(name, body)
    if not body.get("stream"):
        return web.json_response(wire.completion(body, message))
    return await _stream(request, body, message)


async def _stream(
    request: web.Request, body: Mapping[str, Any], message: dict[str, Any]
) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
    )
    await response.prepare(request)
    if body["model"] in ("bench", "uniform"):
        await response.write(b"".join(wire.chunks(body, message)))
        return response
    pause = {ASSISTANT: _TYPING_S, "slow": scripted.SLOW_S / 5}.get(body["model"], 0)
    for number, chunk in enumerate(wire.chunks(body, message)):
        if number == 2 and body["model"] == "hang-mid-stream":
            await asyncio.sleep(3600)
        if number == 2 and body["model"] == "break-mid-stream":
            assert request.transport is not None  # noqa: S101 - the client is being written to
            request.transport.abort()
            return response
        await response.write(chunk)
        if pause:
            await asyncio.sleep(pause)
    return response


def _assist(body: Mapping[str, Any]) -> dict[str, Any]:
    """A tool call where one fits, JSON where it is asked for, else text."""
    messages = body["messages"]
    dialogue = read(messages)
    call = None if dialogue.tool_results else _tool_call(body, dialogue.question)
    if call is not None:
        return {"content": None, "tool_calls": [call]}
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema") or {}
        hints = "\n".join(text_of(each.get("content")) for each in messages if each.get("role") == "system")
        return {"content": json.dumps(fill(schema, dialogue.last, hints), ensure_ascii=False)}
    if wanted.get("type") == "json_object":
        return {"content": json.dumps({"answer": answer(dialogue)}, ensure_ascii=False)}
    return {"content": answer(dialogue)}


def _tool_call(body: Mapping[str, Any], question: str) -> dict[str, Any] | None:
    """The tool that shares most words with the question; a forced choice is obeyed."""
    tools: Sequence[Mapping[str, Any]] = [
        each["function"] for each in body.get("tools") or () if isinstance(each.get("function"), Mapping)
    ]
    choice = body.get("tool_choice", "auto")
    if not tools or choice == "none":
        return None
    wanted = set(stems(question))

    def score(tool: Mapping[str, Any]) -> int:
        words = f"{tool['name']} {tool.get('description', '')}".replace("_", " ")
        return len(wanted & set(stems(words)))

    best = max(tools, key=score)
    if isinstance(choice, Mapping):
        forced = (choice.get("function") or {}).get("name")
        best = next((tool for tool in tools if tool["name"] == forced), best)
    elif choice != "required" and score(best) == 0:
        return None
    arguments = fill(best.get("parameters") or {"type": "object"}, question)
    return {
        "id": wire.identity({**body, "tool": best["name"]}).replace("chatcmpl", "call"),
        "type": "function",
        "function": {"name": best["name"], "arguments": json.dumps(arguments, ensure_ascii=False)},
    }
