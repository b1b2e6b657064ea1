"""A workspace's budget for model calls, and what is spent of it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """For one month in UTC. Null is no limit; 0 lets no model be called."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    usd: Annotated[float | None, Field(ge=0, le=1_000_000_000, allow_inf_nan=False)] = None
    calls: Annotated[int | None, Field(ge=0, le=10**15)] = None
    tokens: Annotated[int | None, Field(ge=0, le=10**15)] = None


class SpentView(BaseModel):
    model_config = ConfigDict(frozen=True)

    usd: float
    calls: int
    tokens: int


class BudgetView(BaseModel):
    """`month` is the present one, as "2026-11". Calls of the free demo models count once calls or tokens are limited."""

    model_config = ConfigDict(frozen=True)

    month: str
    limits: Limits
    spent: SpentView
