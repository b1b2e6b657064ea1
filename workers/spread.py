"""A large map that other workers help with: its items in parts, each a run of its own that only does their frames.

A part acts as the run whose map it is: paths, names, idempotency keys and ids of called runs are those the items would
have had there.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import inf
from typing import Any, Final
from uuid import UUID, uuid5

from app.core.clock import now
from app.core.db import unit_of_work
from app.flows.node_type import ErrorKind, InnerError, Next, NodeError, Open, Suspend
from app.flows.ports import StepRequest
from app.flows.run_state import NO_USAGE
from app.models.flow_runs import FlowRun, RunStatus
from app.repositories.leases import Claimed
from app.repositories.parts import PartEnd, parts_of, steps_of_parts
from app.repositories.waits import SPREAD

SOURCE: Final = "part"
SMALLEST: Final = 50
LARGEST: Final = 500
_AIM: Final = 20
_NAMES: Final = ("item", "index", "outer", "iteration")


def acts_as(run: Claimed) -> UUID:
    """The run in whose name this one acts: itself, or the one whose map it does a part of."""
    part = run.options.get("part")
    return UUID(part["run"]) if part else run.id


def may_spread(run: Claimed, opened: Open) -> bool:
    """Simulations and tests stay in one run: people look at their steps."""
    alone = run.simulate or "answers" in run.options
    return opened.spread and opened.count > SMALLEST and not alone


def size_of_parts(count: int) -> int:
    """How many items a part has: some twenty parts, none very small or very large."""
    return min(max(-(-count // _AIM), SMALLEST), LARGEST)


def parts(
    run: Claimed, budgets: Sequence[tuple[str, float]], request: StepRequest, opened: Open
) -> tuple[Suspend, list[FlowRun]]:
    """The wait for a map's parts, and their rows, to be stored together with it.

    All parts together have as many items under way as the map allows, but each at least one. `budgets` are runs whose
    money they spend, with what they may spend.
    """
    container, scope = request.node.type.container, request.scope
    items: list[Any] = []
    if container is not None and container.items is not None:
        items = container.items(request.node.params.render(scope))
    size = size_of_parts(opened.count)
    firsts = range(0, opened.count, size)
    common = {
        "run": request.run_id,
        "container": request.node.id,
        "path": request.path,
        "parallel": max(opened.parallel // len(firsts), 1),
        "on_error": opened.on_error,
        "outer": dict(scope["nodes"]),
        "names": {name: scope[name] for name in _NAMES if name in scope},
        "variables": dict(scope["state"]),
        "started_at": scope["run"]["started_at"],
        "budget": request.steps_left,
    }
    made = [{**common, "first": first, "items": items[first : first + size]} for first in firsts]
    shared = {"budgets": [{"run": payer, "limit": limit} for payer, limit in budgets]} if budgets else {}
    wait: dict[str, Any] = {"kind": SPREAD, "parts": len(made)}
    if (limit_s := request.node.policy.timeout_s) is not None:
        wait["due_at"] = (request.now + timedelta(seconds=limit_s)).isoformat()
    return Suspend(wait), [_row(run, request, shared | {"part": part}) for part in made]


def _row(run: Claimed, request: StepRequest, options: Mapping[str, Any]) -> FlowRun:
    """The id follows from the step and the item, so that a repeat is the same run."""
    return FlowRun(
        id=uuid5(UUID(request.run_id), f"{request.node.id}:{request.path}:part:{options['part']['first']}"),
        created_at=now(),
        workspace_id=run.workspace_id,
        flow_id=run.flow_id,
        version=run.version,
        snapshot_hash=run.snapshot_hash,
        status=RunStatus.QUEUED,
        trigger=run.trigger,
        input=run.input,
        scope=run.scope,
        options={**run.options, **options},
        parent_run_id=run.id,
        parent_node=request.node.id,
        parent_path=request.path,
        depth=run.depth,
        source=SOURCE,
    )


async def budget(run: Claimed) -> int | None:
    """How many steps are left to a part that begins: what its map's other parts took by now is gone. Parts that go at
    once know nothing of each other, so together they may go beyond it; the run whose map it is fails then.
    """
    part = run.options["part"]
    if "budget" not in part or run.parent_run_id is None:
        return None
    async with unit_of_work() as session:
        ends = await steps_of_parts(session, run.parent_run_id, part["container"], part["path"])
    return int(part["budget"]) - ends


async def gathered(run: Claimed, request: StepRequest) -> Next:
    """What the map gives back, once its parts are over. Raises what the lowest item failed with that failed by now.

    Parts that are still under way then are stopped with the append of what came of the map.
    """
    async with unit_of_work() as session:
        ends = await parts_of(session, run.id, request.node.id, request.path)
    usage = {name: sum((end.usage or {}).get(name) or 0 for end in ends) for name in NO_USAGE}
    request.bill.elsewhere = usage if any(usage.values()) else None
    request.bill.steps = sum((end.usage or {}).get("steps") or 0 for end in ends)
    if (request.signal or {}).get("kind") == "due":
        raise NodeError(ErrorKind.TIMEOUT, "container.timeout", timeout_s=request.node.policy.timeout_s)
    failed = [end for end in ends if end.status in (RunStatus.FAILED, RunStatus.CANCELLED)]
    if not failed:
        return _whole(request, ends)
    error = min(failed, key=lambda end: _item(request, end.error)).error
    if error:
        raise InnerError(error)
    raise NodeError(ErrorKind.CANCELLED, "map.part_cancelled")


def _item(request: StepRequest, error: Mapping[str, Any] | None) -> float:
    """Which item of the map an error is about; beyond all of them where it is about none."""
    around = f"{request.path}." if request.path else ""
    found = re.match(rf"{re.escape(around + request.node.id)}\[(\d+)\]", str((error or {}).get("place", "")))
    return int(found[1]) if found else inf


def _whole(request: StepRequest, ends: list[PartEnd]) -> Next:
    results = sorted((each for end in ends for each in end.output["results"]), key=lambda each: int(each[0]))
    errors = sorted(
        (each for end in ends for each in end.output["errors"]), key=lambda each: int(each["index"])
    )
    return Next(request.node.main_port, {"results": [value for _, value in results], "errors": errors})
