"""The paths of flows that start with an HTTP request: `/api/hooks/{flow_id}/{path}`."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from app.core.db import unit_of_work
from app.core.ids import WorkspaceId
from app.services import flow_runs, webhooks
from app.services.webhooks import Incoming, Started

router = APIRouter(prefix="/api/hooks", tags=["webhooks"])
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


async def receive(flow_id: UUID, path: str, request: Request) -> Response:
    """Start the flow that listens here. Send an `Idempotency-Key` to make repeats harmless."""
    incoming = Incoming(
        method=request.method,
        path=path,
        headers={name.lower(): value for name, value in request.headers.items()},
        query=dict(request.query_params),
        body=await request.body(),
    )
    started: Started | None = None

    async def queueing(session: Any) -> UUID:
        nonlocal started
        started = await webhooks.receive(session, flow_id, incoming)
        return started.run_id

    async with unit_of_work() as session:
        reply = await webhooks.reply_of(session, flow_id, incoming)
    await flow_runs.begin_for(queueing, wait=reply != "ack")
    if started is None or reply == "ack":
        return JSONResponse({"run_id": str(started.run_id) if started else None}, 202)
    return await _answer(started)


async def _answer(started: Started) -> Response:
    view = await flow_runs.get_for(WorkspaceId(started.workspace_id), started.run_id)
    if view.status == "failed" or view.status == "cancelled":
        error = {"run_id": str(view.id), "status": view.status, "error": view.error}
        return JSONResponse(error, 502)
    if view.ended_at is None:
        return JSONResponse({"run_id": str(view.id), "status": view.status}, 202)
    if started.reply == "result":
        return JSONResponse(view.output)
    async with unit_of_work() as session:
        return JSONResponse(await webhooks.last_output(session, started.run_id))


for _method in _METHODS:
    router.add_api_route(
        "/{flow_id}/{path:path}",
        receive,
        methods=[_method],
        response_model=None,
        operation_id=f"receive_{_method.lower()}",
    )
