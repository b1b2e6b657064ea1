"""The API's composition root: routers by an explicit list, errors, limits, documentation."""

from fastapi import APIRouter, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.api import docs, errors
from app.api.limits import Limits
from app.api.metrics import Metrics
from app.api.routes import (
    api_keys,
    auth,
    catalog,
    chat,
    credentials,
    flow_edits,
    flow_runs,
    flow_templates,
    flow_tests,
    flows,
    health,
    inbox,
    models,
    openai,
    schedules,
    workspace,
)
from app.api.webhooks import flows as flow_hooks
from app.core import jobs
from app.integrations import queue

# In the order in which a path is looked for: what is called most comes first.
ROUTERS: tuple[APIRouter, ...] = (
    chat.router,
    health.router,
    docs.router,
    auth.router,
    api_keys.router,
    flows.router,
    flow_templates.router,
    flow_edits.router,
    flow_runs.router,
    flow_tests.router,
    inbox.router,
    credentials.router,
    schedules.router,
    flow_hooks.router,
    models.router,
    openai.router,
    catalog.router,
    workspace.router,
)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


def create_api() -> FastAPI:
    """A fresh API. Everything it holds lives under /api, except /metrics."""
    jobs.set_dispatcher(queue.dispatch)
    api = FastAPI(
        title="Prometey",
        version="0.1.0",
        description="Build flows on a canvas, run them anywhere. Errors are `application/problem+json`.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    errors.install(api)
    for router in ROUTERS:
        api.include_router(router)
    api.add_api_route("/api/{path:path}", _nothing_here, methods=_METHODS, include_in_schema=False)
    api.add_middleware(Limits)
    api.add_middleware(Metrics)
    return api


async def _nothing_here(request: Request) -> None:
    """The last route under /api: a path that names nothing, or a method a path does not know."""
    for route in request.app.router.routes:
        if route.matches(request.scope)[0] is Match.PARTIAL:
            raise HTTPException(405)
    raise HTTPException(404)
