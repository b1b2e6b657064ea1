"""Tests of flows: run them all, make one of a run."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from app.api.deps import Caller, Db, Locale
from app.auth.permissions import require
from app.schemas.flow_tests import MakeTest, TestReport
from app.services import flow_tests

router = APIRouter(prefix="/api", tags=["tests"])


@router.post("/flows/{flow_id}/tests/run")
async def run_tests(flow_id: UUID, caller: Caller) -> TestReport:
    """Run every test of the draft with its recorded answers. Nothing is sent anywhere."""
    require(caller, "runs:write")
    return await flow_tests.run_all(caller, flow_id)


@router.post("/runs/{run_id}/test", status_code=201)
async def make_test(
    run_id: UUID, body: MakeTest, session: Db, caller: Caller, locale: Locale
) -> dict[str, Any]:
    """Add a test to the run's flow that the run would pass: its input, what the world answered, what came of it."""
    require(caller, "flows:write")
    return await flow_tests.make_from_run(session, caller, run_id, body.name, locale)
