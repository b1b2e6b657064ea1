"""The workspace itself: its budget."""

from fastapi import APIRouter

from app.api.deps import Caller, Db
from app.auth.permissions import require
from app.schemas.workspace_budget import BudgetView, Limits
from app.services import workspace_budget

router = APIRouter(prefix="/api/workspace", tags=["workspace"])


@router.get("/budget")
async def read_budget(session: Db, caller: Caller) -> BudgetView:
    """The monthly budget for model calls and what is spent of it. For owners."""
    require(caller, "runs:read")
    return await workspace_budget.get(session, caller)


@router.put("/budget")
async def set_budget(body: Limits, session: Db, caller: Caller) -> BudgetView:
    """Set the whole budget: a limit that is left out or null is none. Runs heed it within a second. For owners."""
    require(caller, "flows:write")
    return await workspace_budget.put(session, caller, body)
