"""Forks of runs: what is recorded upstream of a node, edited or not, and everything from there on anew."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import jobs
from app.core.clock import new_id, now
from app.core.principal import Principal
from app.errors import Conflict, Invalid
from app.flows.plan import Plan
from app.models.flow_runs import FlowRun
from app.repositories.flow_runs import FlowRuns, insert_once
from app.repositories.journal import begin_with, load_events
from app.schemas.flow_runs import Replay, RunView
from app.services import flow_runs
from app.services.storable import refuse_unstorable

_OF_THE_FIRST_RUN = ("messages", "usage", "effects", "tasks", "over")


class UnknownNode(Invalid):
    """The run's version of the flow has no such node."""

    code = "replay.unknown_node"


class NotOver(Conflict):
    """A run under way is not taken up a second time: both would act."""

    code = "replay.not_over"


class OnlyAPart(Conflict):
    """A part of a map has no meaning without the run it belongs to."""

    code = "replay.only_a_part"


async def replay(session: AsyncSession, principal: Principal, run_id: UUID, asked: Replay) -> RunView:
    """Queue a new run beside the old one, pinned to the same version. Raises `NotFound`, `UnknownNode`, `NotOver`."""
    refuse_unstorable({"input": asked.input, "outputs": asked.outputs}, "body")
    runs = FlowRuns(session, principal.workspace_id)
    source = await runs.get(run_id)
    if asked.resume and source.ended_at is None:
        raise NotOver(id=str(run_id))
    if source.source == "part":
        raise OnlyAPart(id=str(run_id), run=str(source.parent_run_id))
    if asked.resume or asked.from_node is not None:
        flow_runs.with_details(source)
    plan = (await flow_runs.pinned(session, source.snapshot_hash)).plan
    for name in [asked.from_node, *asked.outputs]:
        if name is not None and name not in plan.by_id:
            raise UnknownNode(node=name, path="body.from_node")
    events = kept(plan, await load_events(session, run_id), asked)
    row = FlowRun(
        id=new_id(),
        workspace_id=principal.workspace_id,
        flow_id=source.flow_id,
        version=source.version,
        snapshot_hash=source.snapshot_hash,
        trigger=source.trigger,
        input=source.input if asked.input is None else asked.input,
        scope=source.scope,
        # A fork stands alone: it spends nothing of the run that called the first one.
        options={name: value for name, value in source.options.items() if name != "budgets"},
        simulate=asked.simulate,
        source="replay",
        replay_of=source.id,
        replay_from=asked.from_node or "",
        created_by=principal.user_id,
        seq=len(events),
    )
    await insert_once(session, row)
    await begin_with(session, row.id, events)
    await jobs.enqueue(session, jobs.DRIVE_RUN, {"run_id": str(row.id)}, durable=False)
    return flow_runs.run_view(row, principal.locale)


async def resume(session: AsyncSession, principal: Principal, run_id: UUID) -> RunView:
    """Take a run that ended up after its last recorded step; it simulates where the first one did. Raises as `replay`."""
    source = await FlowRuns(session, principal.workspace_id).get(run_id)
    return await replay(session, principal, run_id, Replay(resume=True, simulate=source.simulate))


def kept(plan: Plan, events: Sequence[Any], asked: Replay) -> list[dict[str, Any]]:
    """The beginning of the fork's journal. Empty where it begins at its trigger: it writes its own first event.

    A node inside a container is replayed with its outermost container. What the first run sent and what it cost stay
    its own.
    """
    again = {_outermost(plan, asked.from_node)} if asked.from_node else set()
    if not again and not asked.resume:
        return []
    again |= _after(plan, again)
    found: list[dict[str, Any]] = []
    for event in events:
        if event["type"] == "run.started":
            given = event["input"] if asked.input is None else asked.input
            found.append({**event, "input": given, "at": now().isoformat()})
        elif event["type"] in ("step.succeeded", "step.opened"):
            if _outermost(plan, event["node"]) in again or event.get("error"):
                again |= {_outermost(plan, event["node"])} if event.get("error") else set()
                continue
            own = {name: value for name, value in event.items() if name not in _OF_THE_FIRST_RUN}
            if event["type"] == "step.succeeded" and event["node"] in asked.outputs and not event["path"]:
                own["output"] = asked.outputs[event["node"]]
            if event.get("due_at"):
                own |= _from_now(event)
            found.append(own)
    return found


def _from_now(opened: Mapping[str, Any]) -> dict[str, str]:
    """A container has its whole time again."""
    limit = datetime.fromisoformat(opened["due_at"]) - datetime.fromisoformat(opened["at"])
    return {"at": now().isoformat(), "due_at": (now() + limit).isoformat()}


def _outermost(plan: Plan, node: str) -> str:
    parent = plan.by_id[node].node.parent
    while parent is not None:
        node, parent = parent, plan.by_id[parent].node.parent
    return node


def _after(plan: Plan, nodes: set[str]) -> set[str]:
    """Every node that the paths from these lead to."""
    found: set[str] = set()
    stack = list(nodes)
    while stack:
        node: Mapping[str, tuple[int, ...]] = plan.by_id[stack.pop()].outgoing
        for edge in (each for places in node.values() for each in places):
            target = plan.nodes[plan.edges[edge].target].id
            if target not in found:
                found.add(target)
                stack.append(target)
    return found
