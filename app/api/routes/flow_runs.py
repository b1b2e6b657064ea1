"""Runs: start, look, follow, cancel."""

from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from app.api import stream
from app.api.deps import Caller, Db
from app.api.direct import DirectRoute
from app.auth.permissions import require
from app.core.principal import Principal
from app.schemas.flow_runs import Replay, RunPage, RunView, StartInline, StartRun, Status, StepView
from app.schemas.inbox import Word
from app.services import flow_runs, run_replay, run_turn

router = APIRouter(prefix="/api", tags=["runs"])
_STREAMS: dict[int | str, dict[str, Any]] = {200: {"content": {stream.SSE: {}, stream.NDJSON: {}}}}
LastEventId = Annotated[str | None, Header(alias="last-event-id")]


def _source(principal: Principal) -> str:
    return "editor" if principal.via == "cookie" else "api"


async def start_run(flow_id: UUID, body: StartRun, request: Request, caller: Caller) -> Response:
    """Run a flow. `Accept: text/event-stream` (or NDJSON) answers with the run's events instead."""
    require(caller, "runs:write")
    kind = stream.wants(request.headers.get("accept", ""))
    asked = body.model_copy(update={"wait": False}) if kind else body
    text = bool(kind) or caller.via == "cookie"
    view = await run_turn.run(caller, flow_id, asked, _source(caller), stream=text)
    if kind:
        return stream.events(flow_runs.batches(caller, view.id), kind)
    return stream.whole(view, status=201)


router.add_api_route(
    "/flows/{flow_id}/runs",
    start_run,
    methods=["POST"],
    status_code=201,
    response_model=RunView,
    route_class_override=DirectRoute,
)


@router.post("/runs", status_code=201, response_model=RunView)
async def start_inline_run(body: StartInline, request: Request, caller: Caller) -> Response | RunView:
    """Run a `flow/1` document that need not be stored."""
    require(caller, "runs:write")
    kind = stream.wants(request.headers.get("accept", ""))
    view = await flow_runs.start(
        caller,
        lambda session: flow_runs.queue_inline(session, caller, body, _source(caller), stream=bool(kind)),
        body.wait and not kind,
    )
    return stream.events(flow_runs.batches(caller, view.id), kind) if kind else view


@router.get("/flows/{flow_id}/runs")
async def list_runs(flow_id: UUID, session: Db, caller: Caller) -> list[RunView]:
    """The last 50 runs of a flow, newest first."""
    require(caller, "runs:read")
    return await flow_runs.latest(session, caller, flow_id)


@router.get("/runs")
async def search_runs(
    session: Db,
    caller: Caller,
    status: Status | None = None,
    dead: Annotated[
        bool, Query(description="Only those that failed through no fault of their flow.")
    ] = False,
    flow_id: UUID | None = None,
    q: Annotated[str, Query(max_length=200)] = "",
    before: Annotated[UUID | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RunPage:
    """The workspace's runs, newest first; `q` seeks in the newest 10,000."""
    require(caller, "runs:read")
    return await flow_runs.search(
        session, caller, status=status, dead=dead, flow_id=flow_id, words=q, before=before, limit=limit
    )


@router.get("/runs/{run_id}")
async def get_run(run_id: UUID, caller: Caller) -> RunView:
    require(caller, "runs:read")
    return await flow_runs.get(caller, run_id)


@router.get("/runs/{run_id}/steps")
async def list_steps(run_id: UUID, session: Db, caller: Caller) -> list[StepView]:
    """Every step that was reached, with what went in, what came out, what it cost."""
    require(caller, "runs:read")
    return await flow_runs.steps(session, caller, run_id)


@router.get("/runs/{run_id}/value", response_class=Response)
async def get_value(
    run_id: UUID,
    session: Db,
    caller: Caller,
    what: Literal["input", "output"] = "output",
    node: Annotated[str | None, Query(max_length=40)] = None,
    path: Annotated[str, Query(max_length=1_000)] = "",
) -> Response:
    """One value as a JSON file: of the run, or of the step of `node` (inside a container at `path`)."""
    require(caller, "runs:read")
    found = await flow_runs.value(session, caller, run_id, node, path, what)
    name = f"{node or 'run'}-{what}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(orjson.dumps(found), media_type="application/json", headers=headers)


@router.get("/runs/{run_id}/events", responses=_STREAMS)
async def follow_run(
    run_id: UUID, request: Request, caller: Caller, last_event_id: LastEventId = None
) -> Response:
    """The run's events until it ends. A client that sends `Last-Event-ID` misses nothing and gets nothing twice."""
    require(caller, "runs:read")
    await flow_runs.get(caller, run_id)
    kind = stream.wants(request.headers.get("accept", "")) or stream.SSE
    return stream.events(flow_runs.batches(caller, run_id, stream.last_seen(last_event_id)), kind)


@router.post("/runs/{run_id}/cancel", status_code=202)
async def cancel_run(run_id: UUID, session: Db, caller: Caller) -> RunView:
    """Ask a run to stop. It does within about a second; 409 when it has ended already."""
    require(caller, "runs:write")
    return await flow_runs.cancel(session, caller, run_id)


@router.post("/runs/{run_id}/replay", status_code=201)
async def replay_run(run_id: UUID, body: Replay, session: Db, caller: Caller) -> RunView:
    """Fork a run at a node, with the recorded values upstream, edited or not. Simulated unless told otherwise."""
    require(caller, "runs:write")
    return await run_replay.replay(session, caller, run_id, body)


@router.post("/runs/{run_id}/reply", status_code=202)
async def reply_to_run(run_id: UUID, body: Word, session: Db, caller: Caller) -> RunView:
    """Answer a run that asked something and has no conversation of its own. 409 when it listens to nobody."""
    require(caller, "runs:write")
    return await flow_runs.reply(session, caller, run_id, body.text)
