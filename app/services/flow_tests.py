"""Tests of a flow: run by the workers with recorded answers and without effects, judged, made from runs."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import Invalid
from app.flows import testing
from app.models.flow_runs import FlowRun
from app.repositories.flow_runs import FlowRuns, Runnable, RunnableFlows
from app.repositories.journal import load_events
from app.schemas.flow_tests import MismatchView, TestReport, TestResult
from app.schemas.flows import OperationBody, OperationsBody
from app.services import flow_edits, flow_runs, snapshots
from app.services.snapshots import Snapshot

_AT_ONCE = 8
_SOURCE = "test"


class TestMalformed(Invalid):
    """`context["path"]` is the test's place in the file."""

    code = "test.malformed"


class TestsFailed(Invalid):
    """`context["names"]` are those that failed."""

    code = "flow.tests_failed"


async def run_all(principal: Principal, flow_id: UUID) -> TestReport:
    """Run every test of the draft. Raises `NotFound`, `TestMalformed`, `FlowHasProblems`."""
    async with unit_of_work() as session:
        runnable = await RunnableFlows(session, principal.workspace_id).draft(flow_id)
    snapshot = snapshots.of(runnable.document, runnable.semantic_hash)
    # Tests and names are no part of the hash: the document itself says which tests there are now.
    tests = _read(snapshots.parse(runnable.document).tests)
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(test: testing.FlowTest) -> tuple[TestResult, list[Any]]:
        async with room:
            return await _run(principal, runnable, snapshot, test)

    done = await asyncio.gather(*[one(test) for test in tests])
    nodes, branches = testing.uncovered(snapshot.plan, [events for _, events in done]) if done else ([], [])
    results = [result for result, _ in done]
    return TestReport(
        passed=sum(result.passed for result in results),
        failed=sum(not result.passed for result in results),
        results=results,
        uncovered_nodes=nodes,
        uncovered_branches=branches,
    )


async def require_green(principal: Principal, flow_id: UUID) -> None:
    """Raises `TestsFailed` unless every test of the draft passes."""
    report = await run_all(principal, flow_id)
    failed = [result.name for result in report.results if not result.passed]
    if failed:
        raise TestsFailed(failed=len(failed), names=", ".join(failed)[:500])


async def make_from_run(
    session: AsyncSession, principal: Principal, run_id: UUID, name: str, locale: str
) -> dict[str, Any]:
    """Add a test to the run's flow that this run would pass. Returns the test."""
    row = await FlowRuns(session, principal.workspace_id).get(run_id)
    if row.flow_id is None or row.ended_at is None:
        raise TestMalformed(path="run", reason="a run of a stored flow that has ended is needed")
    flow_runs.with_details(row)
    snapshot = await flow_runs.pinned(session, row.snapshot_hash)
    events = await load_events(session, run_id)
    chat = _starts_with_chat(snapshot, row.trigger)
    draft = await RunnableFlows(session, principal.workspace_id).draft(row.flow_id)
    tests = [dict(test) for test in snapshots.parse(draft.document).tests]
    test = testing.record(snapshot.plan, events, _unused(name, tests), chat=chat)
    op = OperationBody(op_id=str(uuid4()), op={"op": "flow.set", "name": "tests", "value": [*tests, test]})
    body = OperationsBody(client_id="server", base_revision=0, operations=[op])
    made = await flow_edits.submit(session, principal, row.flow_id, body, locale)
    if made.rejected:
        raise TestMalformed(path="tests", reason=made.rejected[0].code)
    return test


def _starts_with_chat(snapshot: Snapshot, trigger: str) -> bool:
    return snapshot.plan.by_id[trigger].type.key == "trigger.chat"


def _read(raw: Any) -> list[testing.FlowTest]:
    for index, reason in testing.faults(raw):
        raise TestMalformed(path=f"tests[{index}]", reason=reason)
    return testing.read_tests(raw)


async def _run(
    principal: Principal, runnable: Runnable, snapshot: Snapshot, test: testing.FlowTest
) -> tuple[TestResult, list[Any]]:
    scope = {"conversation": {"id": "test", "session_id": "test"}} if test.chat else {}
    row = FlowRun(
        workspace_id=principal.workspace_id,
        flow_id=runnable.flow_id,
        version=runnable.version,
        snapshot_hash=runnable.semantic_hash,
        trigger="",
        input=test.input,
        scope=scope,
        options={"answers": test.answers, "state": test.state, "stream": False},
        simulate=True,
        source=_SOURCE,
    )

    async def queue(session: AsyncSession) -> UUID:
        return await flow_runs.queue(session, principal, row, snapshot, chat=test.chat)

    view = await flow_runs.start(principal, queue, wait=True)
    async with unit_of_work() as session:
        events = await load_events(session, view.id)
    wrong = testing.judge(snapshot.plan, test.expect, events)
    return (
        TestResult(
            name=test.name,
            passed=not wrong,
            run_id=view.id,
            duration_ms=view.duration_ms,
            mismatches=[
                MismatchView(what=each.what, expected=each.expected, found=each.found) for each in wrong
            ],
        ),
        events,
    )


def _unused(name: str, tests: list[dict[str, Any]]) -> str:
    taken = {str(test.get("name")) for test in tests}
    wanted, number = name.strip() or "Test", 2
    found = wanted
    while found in taken:
        found, number = f"{wanted} {number}", number + 1
    return found
