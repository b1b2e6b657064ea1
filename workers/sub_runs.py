"""Runs that a step of another run waits for: prepared before the wait is recorded, stored together with it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

from app.core.clock import now
from app.core.db import unit_of_work
from app.errors import AppError
from app.flows.node_type import ErrorKind, Next, NodeError, Result, Suspend
from app.models.flow_runs import FlowRun, RunStatus
from app.repositories.flow_runs import RunnableFlows, insert_once, pin
from app.repositories.leases import Claimed
from app.repositories.waits import SUBFLOW
from app.services import flow_runs, snapshots
from workers.spread import acts_as

DEPTH_LIMIT: Final = 25


async def prepare(
    run: Claimed, node: str, path: str, wait: Mapping[str, Any], budgets: Sequence[tuple[str, float]]
) -> tuple[Result, UUID | None]:
    """Find and check the called flow. A detached call is stored at once and answered with the run's id.

    Raises `NodeError` when it does not exist, has problems, does not take the input or is nested too deep.
    """
    if run.depth + 1 > DEPTH_LIMIT:
        raise NodeError(ErrorKind.INVALID_INPUT, "subflow.too_deep", limit=DEPTH_LIMIT)
    try:
        called = await _called(run, wait)
    except AppError as error:
        raise NodeError(
            ErrorKind.INVALID_INPUT,
            "subflow.refused",
            param="input" if error.error_code == "run.input_refused" else "flow",
            reason=error.error_code,
            place=str(error.context.get("path", "")),
        ) from None
    ready: dict[str, Any] = {**wait, "data": {**(wait.get("data") or {}), **called}}
    if not ready["data"].get("detach"):
        return Suspend(ready), None
    event = {"node": node, "path": path, "wait": ready}
    row = sub_run_row(run, event, budgets)
    row.parent_run_id = None
    async with unit_of_work() as session:
        await insert_once(session, row)
    return Next("out", {"run_id": str(row.id)}), row.id


async def _called(run: Claimed, wait: Mapping[str, Any]) -> dict[str, Any]:
    version, flow_id = wait.get("version", "latest"), _flow_id(str(wait.get("flow", "")))
    async with unit_of_work() as session:
        flows = RunnableFlows(session, run.workspace_id)  # type: ignore[arg-type]
        chosen = await (
            flows.published_or_draft(flow_id) if version == "latest" else flows.version(flow_id, int(version))
        )
        await pin(session, chosen.semantic_hash, chosen.document)
    snapshot = snapshots.of(chosen.document, chosen.semantic_hash)
    trigger = flow_runs.ready_to_run(snapshot, wait.get("input"), "en")
    return {
        "flow_id": str(flow_id),
        "version": chosen.version,
        "snapshot_hash": chosen.semantic_hash,
        "trigger": trigger,
    }


def _flow_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NodeError(ErrorKind.INVALID_INPUT, "subflow.not_a_flow", param="flow", flow=text) from None


def sub_run_id(run_id: UUID, node: str, path: str) -> UUID:
    return uuid5(run_id, f"{node}:{path}")


def sub_run_row(run: Claimed, event: Mapping[str, Any], budgets: Sequence[tuple[str, float]]) -> FlowRun:
    """The called run. Its id follows from the step, so that a repeat is the same run.

    `budgets` are runs whose money it spends, with what they may spend.
    """
    called = event["wait"]["data"]
    shared = {"budgets": [{"run": payer, "limit": limit} for payer, limit in budgets]} if budgets else {}
    return FlowRun(
        id=sub_run_id(acts_as(run), event["node"], event["path"]),
        created_at=now(),
        workspace_id=run.workspace_id,
        flow_id=UUID(called["flow_id"]),
        version=called["version"],
        snapshot_hash=called["snapshot_hash"],
        status=RunStatus.QUEUED,
        trigger=called["trigger"],
        input=event["wait"].get("input"),
        options={name: value for name, value in run.options.items() if name != "part"} | shared,
        parent_run_id=run.id,
        parent_node=event["node"],
        parent_path=event["path"],
        depth=run.depth + 1,
        simulate=run.simulate,
        source=SUBFLOW,
    )
