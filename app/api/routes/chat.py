"""Chat with a flow, and the same behind the API that every OpenAI client speaks."""

from collections.abc import AsyncGenerator
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from app.api import stream
from app.api.deps import Caller, Db
from app.auth.permissions import require
from app.core.principal import Principal
from app.schemas.flow_runs import ChatAnswer, ChatRequest, ConversationView, MessageView
from app.services import chat, flow_runs
from app.services.chat import Said

router = APIRouter(prefix="/api", tags=["chat"])


@router.post("/chat", response_model=ChatAnswer)
async def say(body: ChatRequest, caller: Caller) -> Response | ChatAnswer:
    """Say something to a flow. With `stream` the answer is `chat.started`, the run's events, `chat.finished`."""
    require(caller, "runs:write")
    source = "chat" if caller.via == "cookie" else "api"
    said = await chat.begin(caller, body, source, wait=not body.stream)
    if body.stream:
        return stream.respond(_streamed(caller, said), stream.SSE)
    return await chat.answer(caller, said)


async def _streamed(caller: Principal, said: Said) -> AsyncGenerator[bytes, None]:
    run_id = None if said.run_id is None else str(said.run_id)
    yield stream.frame("chat.started", {"session_id": said.session_id, "run_id": run_id})
    if said.run_id is not None:
        events = flow_runs.follow(caller, said.run_id, said.events_before, until_rest=True)
        async for part in stream.framed(events, stream.SSE):
            yield part
    answer = await chat.answer(caller, said)
    yield stream.frame("chat.finished", answer.model_dump(mode="json"))


@router.get("/chat/{session_id}/messages")
async def list_messages(session_id: str, session: Db, caller: Caller) -> list[MessageView]:
    """A conversation's messages, oldest first."""
    require(caller, "runs:read")
    return await chat.history(session, caller, session_id)


@router.get("/flows/{flow_id}/conversations")
async def list_conversations(flow_id: UUID, session: Db, caller: Caller) -> list[ConversationView]:
    """The last conversations with a flow, newest first."""
    require(caller, "runs:read")
    return await chat.conversations(session, caller, flow_id)
