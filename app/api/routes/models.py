"""The catalogue of language models with price and context window."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.deps import Caller
from app.schemas.models import ModelList
from app.services.models import ModelFilter, list_models

router = APIRouter(prefix="/api/models", tags=["models"])


@router.get("")
async def get_models(
    _caller: Caller,
    search: Annotated[str, Query(max_length=100, description="part of the model's name")] = "",
    provider: Annotated[str, Query(max_length=60)] = "",
    available: Annotated[bool | None, Query(description="only those this instance has a key for")] = None,
    tools: Annotated[bool | None, Query(description="only those that can call tools")] = None,
    max_input_cost: Annotated[float | None, Query(ge=0, description="USD per million tokens")] = None,
    min_context: Annotated[int | None, Query(ge=0, description="tokens")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> ModelList:
    """The demo model first, then what this instance can call, then every other known model."""
    wanted = ModelFilter(search, provider, available, tools, max_input_cost, min_context)
    return list_models(wanted, limit, offset)
