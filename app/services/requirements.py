"""What a flow needs of its workspace and does not find there."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import WorkspaceId
from app.flows.check import Problem
from app.flows.check.slots import slots
from app.models.flows import Flow
from app.repositories.credentials import Credentials
from app.services import flow_documents


async def unbound(session: AsyncSession, workspace_id: WorkspaceId, flow: Flow) -> list[Problem]:
    """A warning at every node whose slot has no credential here: the node will fail, everything else can run."""
    used = slots(flow_documents.read(flow))
    if not used:
        return []
    known = await Credentials(session, workspace_id).names()
    return [
        Problem("credential.unbound", "warning", node=node, param=param, context={"slot": slot})
        for node, param, slot in used
        if slot not in known
    ]
