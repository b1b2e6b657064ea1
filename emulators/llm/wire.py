"""The OpenAI wire format: completions, chunks, errors, usage. Answers are deterministic, ids included."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiohttp import web

Json = dict[str, Any]
_PIECE = re.compile(r"\S+\s*|\s+")


def tokens(text: str) -> int:
    """About what a tokenizer would count."""
    return len(text) // 4 + 1 if text else 0


def usage(messages: Sequence[Mapping[str, Any]], answer: str) -> Json:
    prompt = sum(tokens(json.dumps(message.get("content") or "", ensure_ascii=False)) for message in messages)
    completion = tokens(answer)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def identity(body: Mapping[str, Any]) -> str:
    """The same request has the same id."""
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()
    return f"chatcmpl-{digest[:24]}"


def completion(body: Mapping[str, Any], message: Json) -> Json:
    said = message.get("content") or json.dumps(message.get("tool_calls", ""))
    return {
        "id": identity(body),
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", **message},
                "finish_reason": _finish(message),
            }
        ],
        "usage": usage(body["messages"], said),
    }


def chunks(body: Mapping[str, Any], message: Json) -> Iterator[bytes]:
    """The same answer as server-sent events, a word or so at a time."""
    base = {"id": identity(body), "object": "chat.completion.chunk", "created": 0, "model": body["model"]}

    def event(delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return line({**base, "choices": [choice]})

    yield event({"role": "assistant", "content": ""})
    for call_number, call in enumerate(message.get("tool_calls") or ()):
        yield event({"tool_calls": [{"index": call_number, **call}]})
    text = message.get("content") or ""
    for piece in _PIECE.findall(text):
        yield event({"content": piece})
    if message.get("refusal"):
        yield event({"refusal": message["refusal"]})
    yield event({}, _finish(message))
    if (body.get("stream_options") or {}).get("include_usage"):
        said = text or json.dumps(message.get("tool_calls", ""))
        yield line({**base, "choices": [], "usage": usage(body["messages"], said)})
    yield b"data: [DONE]\n\n"


def _finish(message: Json) -> str:
    if message.get("refusal"):
        return "content_filter"
    return "tool_calls" if message.get("tool_calls") else "stop"


def line(content: Json) -> bytes:
    return b"data: " + json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def failure(
    status: int, message: str, type_: str, code: str | None = None, headers: Mapping[str, str] | None = None
) -> web.Response:
    error = {"message": message, "type": type_, "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)
