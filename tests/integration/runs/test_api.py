"""Runs and chat as programs see them: over HTTP, streamed and whole."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio

from app.api.main import create_api
from app.core import clock
from app.core.principal import Principal
from app.core.settings import RetentionSettings
from tests.integration.runs.conftest import Workers, chain, node, store
from tests.integration.runs.test_runs import ASK, TALK
from workers import retention

PASSWORD = "correct horse"


@pytest_asyncio.fixture
async def api(environment: dict[str, str], workers: Workers) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-up person's client, with a worker behind it."""
    workers.start()
    transport = httpx.ASGITransport(create_api())
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30) as http:
        account = {"email": "ann@example.com", "password": PASSWORD, "name": "Ann"}
        assert (await http.post("/api/auth/signup", json=account)).status_code == 201
        signed_in = (
            await http.post("/api/auth/login", json={"email": account["email"], "password": PASSWORD})
        ).json()
        http.headers["authorization"] = f"Bearer {signed_in['access_token']}"
        yield http


async def imported(api: httpx.AsyncClient, document: dict[str, Any]) -> str:
    answer = await api.post("/api/flows/import", content=orjson.dumps(document))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def frames(text: str) -> list[tuple[str, str, Any]]:
    """Id, event and data of each server-sent event; comments are passed over."""
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields.get("id", ""), fields["event"], orjson.loads(fields["data"])))
    return found


async def test_run_and_wait(api: httpx.AsyncClient) -> None:
    flow_id = await imported(api, ASK)
    started = await api.post(f"/api/flows/{flow_id}/runs", json={"input": {"question": "Why?"}, "wait": True})
    assert started.status_code == 201
    run = started.json()
    assert (run["status"], run["output"], run["flow_id"]) == ("succeeded", "Why?", flow_id)
    assert run["duration_ms"] > 0
    assert (await api.get(f"/api/runs/{run['id']}")).json() == run
    assert [each["id"] for each in (await api.get(f"/api/flows/{flow_id}/runs")).json()] == [run["id"]]
    steps = (await api.get(f"/api/runs/{run['id']}/steps")).json()
    assert [step["node"] for step in steps] == ["call", "ask", "result"]


async def test_a_run_streams_and_resumes(api: httpx.AsyncClient) -> None:
    flow_id = await imported(api, ASK)
    streamed = await api.post(
        f"/api/flows/{flow_id}/runs",
        json={"input": {"question": "?"}},
        headers={"accept": "text/event-stream"},
    )
    assert streamed.headers["content-type"].startswith("text/event-stream")
    events = [frame for frame in frames(streamed.text) if frame[1] != "step.delta"]
    assert [int(number) for number, _, _ in events] == list(range(1, len(events) + 1))
    assert (events[0][1], events[-1][1]) == ("run.started", "run.succeeded")
    run_id = (await api.get(f"/api/flows/{flow_id}/runs")).json()[0]["id"]
    resumed = await api.get(f"/api/runs/{run_id}/events", headers={"last-event-id": "3"})
    assert frames(resumed.text) == events[3:]
    lines = await api.get(f"/api/runs/{run_id}/events", headers={"accept": "application/x-ndjson"})
    told = [orjson.loads(line) for line in lines.text.splitlines()]
    assert [event for event in told if event["seq"]] == [data for _, _, data in events]


async def test_a_posted_document_runs(api: httpx.AsyncClient) -> None:
    answer = await api.post("/api/runs", json={"flow": ASK, "input": {"question": "Hm?"}, "wait": True})
    assert (answer.status_code, answer.json()["output"]) == (201, "Hm?")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"flow": {"schema": "flow/1", "unheard": 1}}, 422, "flow.unknown_field"),
        ({"flow": 7}, 422, "request.invalid"),
        ({"input": {"question": 7}}, 422, "run.input_refused"),
    ],
)
async def test_what_cannot_run_is_refused(
    api: httpx.AsyncClient, change: dict[str, Any], status: int, code: str
) -> None:
    inputs = {"type": "object", "properties": {"question": {"type": "string"}}}
    body = {"flow": {**ASK, "inputs": inputs}, "input": {}, **change}
    answer = await api.post("/api/runs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_chat(api: httpx.AsyncClient) -> None:
    flow_id = await imported(api, TALK)
    first = (await api.post("/api/chat", json={"message": "Hello", "agent_id": flow_id})).json()
    assert (first["response"], first["model"], first["status"]) == (
        "You said: Hello",
        "demo/slow",
        "succeeded",
    )
    assert first["path"] == ["message", "ask", "reply"]
    assert first["tokens"] == first["usage"]["prompt_tokens"] + first["usage"]["completion_tokens"] > 0
    again = {"message": "Again", "flow_id": flow_id, "session_id": first["session_id"]}
    second = (await api.post("/api/chat", json=again)).json()
    assert second["session_id"] == first["session_id"]
    said = (await api.get(f"/api/chat/{first['session_id']}/messages")).json()
    assert [(each["role"], each["text"]) for each in said] == [
        ("user", "Hello"),
        ("assistant", "You said: Hello"),
        ("user", "Again"),
        ("assistant", "You said: Again"),
    ]
    assert said[1]["id"] == first["message_id"]
    listed = (await api.get(f"/api/flows/{flow_id}/conversations")).json()
    assert [(each["session_id"], each["title"]) for each in listed] == [(first["session_id"], "Hello")]


async def test_chat_streams_its_words(api: httpx.AsyncClient) -> None:
    flow_id = await imported(api, TALK)
    message = " ".join(f"word{number}" for number in range(30))
    body = {"message": message, "flow_id": flow_id, "stream": True}
    events = frames((await api.post("/api/chat", json=body)).text)
    assert (events[0][1], events[-1][1]) == ("chat.started", "chat.finished")
    words = [data["data"]["text"] for _, event, data in events if event == "step.delta"]
    assert len(words) > 1
    assert "".join(words) == message
    assert events[-1][2]["response"] == f"You said: {message}"
    assert events[-1][2]["run_id"] == events[0][2]["run_id"]


async def test_a_published_flow_is_a_model(api: httpx.AsyncClient) -> None:
    document = {
        **chain(
            node("message", "trigger.chat"),
            node("ask", "ai.llm", model="demo/echo", prompt="{{ input.message }}"),
            node("reply", "channel.send", text="{{ input.text }}"),
            kind="agent",
        ),
        "name": "Parrot",
    }
    flow_id = await imported(api, document)
    body = {"model": "Parrot", "messages": [{"role": "user", "content": "Hello you"}]}
    unknown = await api.post("/api/v1/chat/completions", json=body)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "openai.unknown_model")
    assert (await api.post(f"/api/flows/{flow_id}/publish", json={})).status_code == 201
    assert [each["id"] for each in (await api.get("/api/v1/models")).json()["data"]] == [flow_id]
    answer = (await api.post("/api/v1/chat/completions", json=body)).json()
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "Hello you"}
    streamed = (await api.post("/api/v1/chat/completions", json={**body, "stream": True})).text
    pieces = [part.removeprefix("data: ") for part in streamed.strip().split("\n\n")]
    assert pieces[-1] == "[DONE]"
    deltas = [orjson.loads(piece)["choices"][0]["delta"].get("content", "") for piece in pieces[:-1]]
    assert "".join(deltas) == "Hello you"


async def test_a_stranger_is_told_nothing(api: httpx.AsyncClient, principal: Principal) -> None:
    theirs = await store(principal, ASK)
    for method, path, body in (
        ("POST", f"/api/flows/{theirs}/runs", {"input": {}}),
        ("GET", f"/api/flows/{theirs}/runs", None),
        ("POST", "/api/chat", {"message": "Hi", "flow_id": str(theirs)}),
        ("GET", f"/api/runs/{theirs}", None),
        ("GET", f"/api/runs/{theirs}/events", None),
        ("POST", f"/api/runs/{theirs}/cancel", None),
        ("GET", f"/api/chat/{theirs}/messages", None),
    ):
        answer = await api.request(method, path, json=body)
        assert answer.status_code == 404, (method, path, answer.text)
    del api.headers["authorization"]
    assert (await api.get(f"/api/flows/{theirs}/runs")).status_code == 401


async def test_a_whole_value_is_a_file_until_the_details_go(api: httpx.AsyncClient) -> None:
    long = "long " * 30_000
    each = {**node("size", "logic.set", output={"text": "{{ item }}"}), "parent": "each"}
    document = chain(
        node("call", "trigger.call"),
        node("each", "logic.map", items="{{ input.texts }}"),
        node("done", "output.result", value="{{ input.results }}"),
    )
    document["nodes"].append(each)
    document["edges"].append({"id": "b", "source": "each", "source_port": "item", "target": "size"})
    document["edges"][1]["source_port"] = "done"
    flow_id = await imported(api, document)
    given = {"texts": ["short", long]}
    run = (await api.post(f"/api/flows/{flow_id}/runs", json={"input": given, "wait": True})).json()
    assert run["status"] == "succeeded", run
    address = f"/api/runs/{run['id']}/value"

    answer = await api.get(address)
    assert answer.headers["content-disposition"] == 'attachment; filename="run-output.json"'
    assert answer.json() == [{"text": "short"}, {"text": long}]
    assert (await api.get(address, params={"what": "input"})).json() == given
    inside = await api.get(address, params={"node": "size", "path": "each[1]"})
    assert inside.headers["content-disposition"] == 'attachment; filename="size-output.json"'
    assert inside.json() == {"text": long}
    nowhere = await api.get(address, params={"node": "size", "path": "each[7]"})
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "run.no_such_step")
    stranger = {"email": "bob@example.com", "password": PASSWORD}
    assert (await api.post("/api/auth/signup", json={**stranger, "name": "Bob"})).status_code == 201
    token = (await api.post("/api/auth/login", json=stranger)).json()["access_token"]
    assert (await api.get(address, headers={"authorization": f"Bearer {token}"})).status_code == 404

    with clock.held(clock.now() + timedelta(days=40)):
        while await retention.once(RetentionSettings(days=30, summary_days=200)):
            pass
    assert (await api.get(f"/api/runs/{run['id']}")).json()["details_removed_at"]
    assert (await api.get(address)).json() == run["output"]
    gone = await api.get(address, params={"node": "size", "path": "each[1]"})
    assert (gone.status_code, gone.json()["code"]) == (409, "run.details_removed")
