"""Chat with a flow, and the same behind the API that every OpenAI client speaks."""

from collections.abc import AsyncGenerator
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from app.api import stream
from app.api.deps import Caller, Db
from app.api.direct import DirectRoute
from app.auth.permissions import require
from app.core.principal import Principal
from app.schemas.flow_runs import ChatAnswer, ChatRequest, ConversationView, MessageView
from app.services import chat
from app.services.chat_turn import turn

router = APIRouter(prefix="/api", tags=["chat"])


async def say(body: ChatRequest, caller: Caller) -> Response:
    """Say something to a flow. With `stream` the answer is `chat.started`, the run's events, `chat.finished`."""
    require(caller, "runs:write")
    source = "chat" if caller.via == "cookie" else "api"
    if body.stream:
        return await stream.begun(_streamed(caller, body, source), stream.SSE)
    async with turn(caller, body, source) as spoken:
        await spoken.rest()
        return stream.whole(await spoken.answer())


router.add_api_route(
    "/chat", say, methods=["POST"], response_model=ChatAnswer, route_class_override=DirectRoute
)


async def _streamed(caller: Principal, body: ChatRequest, source: str) -> AsyncGenerator[bytes, None]:
    async with turn(caller, body, source) as spoken:
        said = spoken.said
        run_id = None if said.run_id is None else str(said.run_id)
        yield stream.frame("chat.started", {"session_id": said.session_id, "run_id": run_id})
        async for part in stream.framed(spoken.batches(), stream.SSE):
            yield part
        yield stream.frame("chat.finished", (await spoken.answer()).model_dump(mode="json"))


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
