"""Whether the process lives, whether it can work, and what it counted."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.api.metrics import REGISTRY
from app.errors import Unavailable
from app.services import health

router = APIRouter(tags=["health"])


class NotReady(Unavailable):
    """A part is missing. `checks` says which."""

    code = "health.not_ready"


@router.get("/api/health")
async def live() -> dict[str, str]:
    """The process answers. Nothing else is asked."""
    return {"status": "ok"}


@router.get("/api/health/ready")
async def ready() -> dict[str, object]:
    """Every part this instance needs answers; 503 names the ones that do not."""
    checks = await health.readiness()
    missing = [f"{part} ({state})" for part, state in checks.items() if state != "ok"]
    if missing:
        raise NotReady(parts=", ".join(missing), checks=checks)
    return {"status": "ok", "checks": checks}


@router.get("/metrics", include_in_schema=False)
async def metrics() -> Response:
    """Counters of this process as Prometheus text."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)
