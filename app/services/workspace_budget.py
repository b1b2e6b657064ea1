"""What a workspace may spend on model calls in a month, and what it has spent."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.principal import Principal
from app.errors import Denied
from app.repositories import spending
from app.repositories.spending import Amount
from app.schemas.workspace_budget import BudgetView, Limits, SpentView


class OwnersOnly(Denied):
    code = "workspace.owners_only"


async def get(session: AsyncSession, principal: Principal) -> BudgetView:
    """Raises `OwnersOnly`."""
    _require_owner(principal)
    known = await spending.look(session, principal.workspace_id)
    usd, calls, tokens = known.limits
    spent = known.spent.get(known.month, Amount())
    return BudgetView(
        month=known.month,
        limits=Limits(usd=usd, calls=calls, tokens=tokens),
        spent=SpentView(**spent._asdict()),
    )


async def put(session: AsyncSession, principal: Principal, limits: Limits) -> BudgetView:
    """Set all limits; runs heed them within a second. Raises `OwnersOnly`."""
    _require_owner(principal)
    await spending.limit(session, principal.workspace_id, limits.usd, limits.calls, limits.tokens)
    return await get(session, principal)


def _require_owner(principal: Principal) -> None:
    if principal.role != "owner":
        raise OwnersOnly(role=principal.role)
