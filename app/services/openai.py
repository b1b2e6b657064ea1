"""Published flows as models of an OpenAI client. Each call is a conversation of its own: the client keeps history."""

from collections.abc import AsyncGenerator
from typing import Any, Final
from uuid import UUID

from app.core.clock import now
from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import Invalid, NotFound
from app.flows.document import Flow
from app.models.flows import Flow as FlowRow
from app.repositories.flow_runs import FlowRuns, RunnableFlows
from app.schemas.flow_runs import ChatAnswer, ChatRequest
from app.schemas.openai import CompletionBody
from app.services import flow_runs
from app.services.chat_turn import Turn

_SPEAKS: Final = "trigger.chat"


class UnknownModel(NotFound):
    """No published flow has this id or name. `context["model"]` is what was asked for."""

    code = "openai.unknown_model"


class NoQuestion(Invalid):
    code = "openai.no_user_message"


async def models(principal: Principal) -> list[dict[str, Any]]:
    """Every published flow that a message can start."""
    async with unit_of_work() as session:
        rows = await RunnableFlows(session, principal.workspace_id).published()
    return [
        {
            "id": str(row.id),
            "object": "model",
            "created": int(row.created_at.timestamp()),
            "owned_by": "prometey",
            "name": row.name,
        }
        for row in rows
        if f'"{_SPEAKS}"' in row.document
    ]


async def asked(principal: Principal, body: CompletionBody) -> ChatRequest:
    """The last question of the user, for the flow that is meant."""
    questions = [message.text for message in body.messages if message.role == "user" and message.text.strip()]
    if not questions:
        raise NoQuestion(path="body.messages")
    async with unit_of_work() as session:
        flow_id = _named(body.model, list(await RunnableFlows(session, principal.workspace_id).published()))
    return ChatRequest(
        message=questions[-1][:32_000],
        flow_id=flow_id,
        stream=body.stream,
        draft=False,
        temperature=body.temperature,
        max_tokens=body.max_tokens,
    )


def _named(model: str, rows: list[FlowRow]) -> UUID:
    found = next((row.id for row in rows if model in (str(row.id), row.name)), None)
    if found is None:
        raise UnknownModel(model=model, path="body.model")
    return found


def completion(body: CompletionBody, answer: ChatAnswer) -> dict[str, Any]:
    """The answer as a `chat.completion`."""
    message = {"role": "assistant", "content": answer.response}
    return {
        "id": _completion_id(answer.run_id),
        "object": "chat.completion",
        "created": int(now().timestamp()),
        "model": body.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": answer.usage.prompt_tokens,
            "completion_tokens": answer.usage.completion_tokens,
            "total_tokens": answer.tokens,
        },
    }


async def pieces(
    principal: Principal, body: CompletionBody, spoken: Turn
) -> AsyncGenerator[dict[str, Any], None]:
    """The answer as `chat.completion.chunk`s: word by word where the model's text is the reply as it stands."""
    run_id = spoken.said.run_id
    if run_id is None:
        return
    yield _chunk(body, run_id, {"content": ""})
    speaker = await _speaker(principal, run_id)
    sent = ""
    async for event in spoken.events():
        if speaker and event["type"] == "step.delta" and event.get("node") == speaker:
            sent += event["data"]["text"]
            yield _chunk(body, run_id, {"content": event["data"]["text"]})
    answer = await spoken.answer()
    if answer.response.startswith(sent) and answer.response != sent:
        yield _chunk(body, run_id, {"content": answer.response[len(sent) :]})
    yield _chunk(body, run_id, {}, "stop" if answer.status in ("succeeded", "waiting") else "content_filter")


def _chunk(
    body: CompletionBody, run_id: UUID, delta: dict[str, Any], finish: str | None = None
) -> dict[str, Any]:
    return {
        "id": _completion_id(run_id),
        "object": "chat.completion.chunk",
        "created": int(now().timestamp()),
        "model": body.model,
        "choices": [{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}],
    }


def _completion_id(run_id: UUID | None) -> str:
    return f"chatcmpl-{run_id.hex if run_id else 0}"


async def _speaker(principal: Principal, run_id: UUID) -> str | None:
    """The one model node whose text is sent unchanged, if the flow is so simple."""
    async with unit_of_work() as session:
        row = await FlowRuns(session, principal.workspace_id).get(run_id)
        flow: Flow = (await flow_runs.pinned(session, row.snapshot_hash)).flow
    speakers = [node.id for node in flow.nodes if node.type == "ai.llm"]
    replies = [str(node.params.get("text", "")) for node in flow.nodes if node.type == "channel.send"]
    if len(speakers) != 1 or len(replies) != 1:
        return None
    path = replies[0].strip().removeprefix("{{").removesuffix("}}").strip()
    return speakers[0] if path in ("input.text", f"nodes.{speakers[0]}.text") else None
