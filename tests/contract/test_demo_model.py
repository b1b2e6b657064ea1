"""The demo model as any OpenAI client sees it: the wire format, its errors, and what it refuses to serve."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from emulators.llm.server import application

Client = TestClient[Any, Any]
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with TestClient(TestServer(application())) as client:
        yield client


async def ask(client: Client, **body: Any) -> Any:
    answer = await client.post("/v1/chat/completions", json={"model": "assistant", "messages": HELLO} | body)
    return answer.status, await answer.json()


async def test_only_the_assistant_is_served(client: Client) -> None:
    listed = await (await client.get("/v1/models")).json()
    assert [model["id"] for model in listed["data"]] == ["assistant"]
    status, body = await ask(client, model="error-429")
    assert (status, body["error"]["code"]) == (404, "model_not_found")


async def test_the_same_question_has_the_same_answer(client: Client) -> None:
    first, second = [await ask(client) for _ in range(2)]
    assert first == second
    message = first[1]["choices"][0]["message"]
    assert (message["role"], message["content"][:5]) == ("assistant", "Hello")
    usage = first[1]["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


async def test_a_stream_ends_with_usage_and_done(client: Client) -> None:
    body = {
        "model": "assistant",
        "messages": HELLO,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    answer = await client.post("/v1/chat/completions", json=body)
    events = [line[6:] for line in (await answer.text()).splitlines() if line.startswith("data: ")]
    chunks = [json.loads(event) for event in events[:-1]]
    whole = (await ask(client))[1]
    assert events[-1] == "[DONE]"
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1])
    assert text == whole["choices"][0]["message"]["content"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"] == whole["usage"]


async def test_a_tool_is_called_and_its_result_answered(client: Client) -> None:
    question = {"role": "user", "content": "What is the price of the team plan?"}
    tool = {
        "name": "find_price",
        "description": "Price of a plan",
        "parameters": {"type": "object", "properties": {"plan": {"type": "string"}}},
    }
    tools = [{"type": "function", "function": tool}]
    choice = (await ask(client, messages=[question], tools=tools))[1]["choices"][0]
    call = choice["message"]["tool_calls"][0]
    assert (choice["finish_reason"], call["function"]["name"]) == ("tool_calls", "find_price")
    assert "plan" in json.loads(call["function"]["arguments"])
    turn = [
        question,
        choice["message"],
        {"role": "tool", "tool_call_id": call["id"], "content": "It costs $20."},
    ]
    assert (await ask(client, messages=turn, tools=tools))[1]["choices"][0]["message"][
        "content"
    ] == "It costs $20."


@pytest.mark.parametrize(
    "body",
    ["{", "[]", "{}", '{"model": "assistant", "messages": []}', '{"model": "assistant", "messages": [3]}'],
)
async def test_a_body_that_is_no_request(client: Client, body: str) -> None:
    answer = await client.post("/v1/chat/completions", data=body)
    assert (answer.status, (await answer.json())["error"]["type"]) == (400, "invalid_request_error")
