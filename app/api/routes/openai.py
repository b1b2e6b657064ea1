"""The API every OpenAI client speaks: each published flow is a model."""

from collections.abc import AsyncGenerator
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from app.api import stream
from app.api.deps import Caller
from app.auth.permissions import require
from app.core.principal import Principal
from app.errors import Unavailable
from app.schemas.flow_runs import ChatRequest
from app.schemas.openai import CompletionBody
from app.services import openai
from app.services.chat_turn import turn

router = APIRouter(prefix="/api/v1", tags=["openai"])


class RunFailed(Unavailable):
    """The flow's run did not succeed. `context["error"]` is its located error."""

    code, status = "openai.run_failed", 502


@router.get("/models")
async def list_models(caller: Caller) -> dict[str, Any]:
    """Published flows, as models."""
    require(caller, "flows:read")
    return {"object": "list", "data": await openai.models(caller)}


@router.post("/chat/completions", response_model=None)
async def complete(body: CompletionBody, caller: Caller) -> Response | dict[str, Any]:
    """Ask a published flow (`model` is its id or name)."""
    require(caller, "runs:write")
    asked = await openai.asked(caller, body)
    if body.stream:
        return await stream.begun(_streamed(caller, body, asked), stream.SSE)
    async with turn(caller, asked, "openai") as spoken:
        await spoken.rest()
        answer = await spoken.answer()
    if answer.status not in ("succeeded", "waiting"):
        raise RunFailed(run_id=str(answer.run_id), run_status=answer.status, error=answer.error)
    return openai.completion(body, answer)


async def _streamed(
    caller: Principal, body: CompletionBody, asked: ChatRequest
) -> AsyncGenerator[bytes, None]:
    async with turn(caller, asked, "openai") as spoken:
        async for piece in openai.pieces(caller, body, spoken):
            yield b"data: " + stream.line(piece) + b"\n"
    yield b"data: [DONE]\n\n"
