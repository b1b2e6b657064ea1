"""What a run is, from its journal alone: which steps are done, skipped, ready or waiting, and how it ends.

Pure: no clock, no I/O, no randomness. `advance` never changes what it is given; a driver that owns its state uses
`apply`, which changes it in place and costs no more than the step's own edges.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final, cast

from app.flows.events import ErrorValue, Event, Part, RunStarted, RunStopped, StepOpened, StepSucceeded
from app.flows.giving_up import abandon, empty, give_up
from app.flows.node_type import ErrorKind
from app.flows.plan import ERROR_PORT, Plan, PlannedNode
from app.flows.run_state import (
    NO_USAGE,
    Changes,
    Closed,
    Frame,
    Opened,
    Over,
    State,
    Status,
    StepRef,
    inside,
)
from app.flows.scope import input_of, scope_of, steps_left

__all__ = ["Changes", "State", "Status", "StepRef", "advance", "apply", "input_of", "outcome", "ready", "scope_of", "start"]  # fmt: skip

RESULT: Final = "output.result"


def start(plan: Plan, run_started: RunStarted) -> State:
    """The state after the first event: the trigger is ready, and what it cannot reach is skipped."""
    state = State()
    apply(plan, state, run_started)
    return state


def advance(plan: Plan, state: State, event: Event) -> State:
    """The state after an event. One that no longer matters gives back the same state."""
    after = state.copy()
    return state if apply(plan, after, event) is None else after


def apply(plan: Plan, state: State, event: Event) -> Changes | None:
    """Change `state` by an event. None, and nothing changed, for a duplicate or one that no longer matters."""
    kind = event["type"]
    if kind == "run.started":
        return _start(plan, state, cast(RunStarted, event))
    if state.trigger is None or state.ended:
        return None
    if kind in ("run.succeeded", "run.failed", "run.cancelled"):
        state.end = cast(Mapping[str, Any], event)
        state.ready.clear()
        return Changes()
    if state.stopped:
        return None
    if kind == "run.stopped":
        stopped = cast(RunStopped, event)
        state.stopped = stopped["outcome"], stopped.get("error")
        state.ready.clear()
        return Changes()
    return _step(plan, state, event)


def ready(plan: Plan, state: State, running: Collection[StepRef] = ()) -> tuple[StepRef, ...]:
    """Steps to perform beside the `running` ones, in file order, as many as the step budget still allows."""
    left = max(steps_left(plan, state) - len(running), 0)
    found = sorted(state.ready, key=state.ready.__getitem__) if len(state.ready) > 1 else list(state.ready)
    return tuple([each for each in found if each not in running][:left])


def outcome(plan: Plan, state: State) -> dict[str, Any] | None:
    """How the run ends: a `RunEnded` without its moment. None while it goes on or waits."""
    if state.trigger is None or state.ended:
        return None
    if state.stopped:
        how, error = state.stopped
        return _end(plan, f"run.{how}", state, error)
    left = steps_left(plan, state)
    if left < 0 or (state.ready and not left):
        return _end(plan, "run.failed", state, _budget_error(plan))
    if state.ready or state.waits:
        return None
    return _end(plan, "run.succeeded", state, None)


def _start(plan: Plan, state: State, event: RunStarted) -> Changes | None:
    if state.trigger is not None:
        return None
    trigger = plan.by_id[event["trigger"]]
    state.trigger, state.input, state.scope = trigger.id, event["input"], event.get("scope") or {}
    state.variables, state.started_at = dict(event.get("state") or {}), event["at"]
    changes = Changes()
    if "part" in event:
        _begin_part(plan, state, event["part"], changes)
        return changes
    top = state.frames[""]
    _make_ready(state, top, trigger, changes)
    for place in plan.roots:
        if place != trigger.index:
            _skip(plan, state, top, plan.nodes[place], changes)
    changes.skipped.sort()
    return changes


def _begin_part(plan: Plan, state: State, part: Part, changes: Changes) -> None:
    """The run begins inside an open map, at the frames that are its part."""
    node, path, first = plan.by_id[part["container"]], part["path"], part["first"]
    frame = state.frames[path] = Frame(path=path, names=part["names"], outputs=dict(part["outer"]), active=1)
    if state.trigger in part["outer"]:
        state.frames[""].outputs[state.trigger] = part["outer"][state.trigger]
    frame.status[node.id] = Status.OPEN
    state.part, state.budget = StepRef(node.id, path), part.get("budget")
    state.opened[state.part] = Opened(
        values=part["items"],
        last=None,
        parallel=part["parallel"],
        on_error=part["on_error"],
        again=False,
        at=state.started_at,
        outer=part["outer"],
        first=first,
        count=first + len(part["items"]),
        next=first,
    )
    _go_on(plan, state, state.part, changes)
    changes.skipped.sort()
    changes.ready.sort()


def _step(plan: Plan, state: State, event: Any) -> Changes | None:
    node, frame = plan.by_id.get(event["node"]), state.frames.get(event["path"])
    if node is None or frame is None:
        return None
    status = frame.status.get(node.id)
    in_time = status is Status.READY or status is Status.WAITING
    if not in_time and not (status is Status.OPEN and event.get("error")):
        return None
    ref, kind = StepRef(node.id, frame.path), event["type"]
    if kind == "step.sent":
        if ref in state.sent:
            return None
        state.sent.add(ref)
        return Changes()
    if kind == "step.waiting":
        return _wait(state, frame, node, event)
    if kind == "step.opened":
        return _open(plan, state, frame, node, event)
    if state.waits.pop(ref, None) is None:
        state.steps += 1
    state.steps += event.get("steps") or 0
    state.ready.pop(ref, None)
    changes = Changes()
    empty(plan, state, ref, changes, "out_of_time", node.id)
    if kind == "step.failed":
        _spend(state, event.get("usage"))
        _fail(plan, state, frame, node, event["error"], changes)
    else:
        _succeed(plan, state, frame, node, event, changes)
    changes.skipped.sort()
    changes.ready.sort()
    return changes


def _wait(state: State, frame: Frame, node: PlannedNode, event: Any) -> Changes | None:
    """A step waits; one that waits already may wait for something else from now on."""
    ref = StepRef(node.id, frame.path)
    if state.waits.get(ref) == event["wait"]:
        return None
    if ref not in state.waits:
        state.steps += 1
    state.waits[ref] = event["wait"]
    state.messages.extend(event.get("messages") or ())
    frame.status[node.id] = Status.WAITING
    state.ready.pop(ref, None)
    return Changes()


def _succeed(
    plan: Plan, state: State, frame: Frame, node: PlannedNode, event: StepSucceeded, changes: Changes
) -> None:
    if assigned := event.get("state"):
        state.variables = {**state.variables, **assigned}
    state.messages.extend(event.get("messages") or ())
    _spend(state, event.get("usage"))
    if node.type.key == RESULT and not event.get("error") and node.node.enabled:
        order = (*frame.order, node.index)
        if node.id not in state.results or state.results[node.id][0] < order:
            state.results[node.id] = order, event["output"]
    _leave(plan, state, frame, node, event["ports"], event["output"], changes)
    _settle(plan, state, frame, changes)


def _leave(
    plan: Plan,
    state: State,
    frame: Frame,
    node: PlannedNode,
    ports: Collection[str],
    output: Any,
    changes: Changes,
) -> None:
    """A step is done: its output is there and its edges become known."""
    frame.status[node.id] = Status.SUCCEEDED
    frame.outputs[node.id] = output
    frame.active -= 1
    for port, edges in node.outgoing.items():
        for edge in edges:
            _resolve(plan, state, frame, edge, port in ports, changes)


def _make_ready(state: State, frame: Frame, node: PlannedNode, changes: Changes) -> None:
    frame.status[node.id] = Status.READY
    frame.active += 1
    state.ready[StepRef(node.id, frame.path)] = frame.order, node.index
    changes.ready.append((node.index, frame.path))


def _resolve(plan: Plan, state: State, frame: Frame, edge: int, taken: bool, changes: Changes) -> None:
    """An edge becomes known. Skips propagate without recursion, so that a chain may be of any length."""
    resolved = [(edge, taken)]
    while resolved:
        place, is_taken = resolved.pop()
        node = plan.nodes[plan.edges[place].target]
        if is_taken:
            frame.taken.setdefault(node.index, []).append(place)
        frame.unknown[node.index] = left = frame.unknown.get(node.index, len(node.incoming)) - 1
        if node.id in frame.status:
            continue
        arrived = len(frame.taken.get(node.index, ()))
        if left and not (node.needs and arrived >= node.needs):
            continue
        if arrived:
            _make_ready(state, frame, node, changes)
            if left and node.cancels:
                _cancel_late(plan, state, frame, node, changes)
        else:
            frame.status[node.id] = Status.SKIPPED
            changes.skipped.append((node.index, frame.path))
            resolved.extend((each, False) for edges in node.outgoing.values() for each in edges)


def _skip(plan: Plan, state: State, frame: Frame, node: PlannedNode, changes: Changes) -> None:
    frame.status[node.id] = Status.SKIPPED
    changes.skipped.append((node.index, frame.path))
    for edges in node.outgoing.values():
        for edge in edges:
            _resolve(plan, state, frame, edge, False, changes)


def _cancel_late(plan: Plan, state: State, frame: Frame, join: PlannedNode, changes: Changes) -> None:
    """A join has what it needs: steps that lead nowhere else are given up, but for those that may have acted."""
    for place in join.cancels:
        node = plan.nodes[place]
        status = frame.status.get(node.id)
        if status in (Status.SUCCEEDED, Status.FAILED, Status.SKIPPED):
            continue
        ref = StepRef(node.id, frame.path)
        if ref in state.sent:
            continue
        if status is not None:
            give_up(plan, state, ref, changes, "late", join.id)
            frame.active -= 1
            changes.ready = [each for each in changes.ready if each != (place, frame.path)]
        frame.status[node.id] = Status.SKIPPED
        changes.skipped.append((place, frame.path))


def _open(plan: Plan, state: State, frame: Frame, node: PlannedNode, event: StepOpened) -> Changes | None:
    """A container goes into its body: for all items of a map, or for one more round of a loop."""
    ref = StepRef(node.id, frame.path)
    opened = state.opened.get(ref)
    if node.type.container is None or event["first"] != (opened.next if opened else 0):
        return None
    if opened is None:
        value = input_of(plan, state, frame, node)
        values: Any = (value,)
        if node.type.container.items is not None:
            scope = scope_of(state, frame, "", value)
            values = node.type.container.items(node.params.render(scope))
        opened = state.opened[ref] = Opened(
            values=values,
            last=value,
            parallel=event["parallel"],
            on_error=event["on_error"],
            again=event["again"],
            at=event["at"],
            due_at=event.get("due_at"),
            outer={**frame.outer, **frame.outputs},
        )
    opened.count += event["count"]
    state.steps += 1
    state.ready.pop(ref, None)
    frame.status[node.id] = Status.OPEN
    changes = Changes()
    _go_on(plan, state, ref, changes)
    changes.skipped.sort()
    changes.ready.sort()
    return changes


def _go_on(plan: Plan, state: State, ref: StepRef, changes: Changes) -> None:
    """Begin as many frames as may run at once; close the container when none is left."""
    opened, parent, node = state.opened[ref], state.frames[ref.path], plan.by_id[ref.node]
    while opened.next < opened.count and len(opened.running) < opened.parallel:
        frame = _enter(plan, state, parent, node, opened)
        for place in node.entries:
            _resolve(plan, state, frame, place, True, changes)
        for place in node.orphans:
            _skip(plan, state, frame, plan.nodes[place], changes)
        if not frame.active:
            _drop(state, opened, frame, _result_of(plan, frame))
    if opened.running or opened.next < opened.count:
        return
    if opened.again:
        parent.status[node.id] = Status.READY
        state.ready[ref] = parent.order, node.index
        return
    del state.opened[ref]
    errors = [{"index": index, **opened.errors[index]} for index in sorted(opened.errors)]
    if ref == state.part:
        state.part_output = {"results": sorted(opened.results.items()), "errors": errors}
        parent.status[node.id] = Status.SUCCEEDED
        return
    output = {"results": [opened.results[index] for index in sorted(opened.results)], "errors": errors}
    _close(plan, state, parent, node, opened, node.main_port, output, None, changes)
    _settle(plan, state, parent, changes)


def _enter(plan: Plan, state: State, parent: Frame, node: PlannedNode, opened: Opened) -> Frame:
    container, index = node.type.container, opened.next
    if container is not None and container.items is not None:
        value = opened.values[index - opened.first]
        names: dict[str, Any] = {**parent.names, "item": value, "index": index}
        if "item" in parent.names:
            names["outer"] = {
                name: parent.names[name] for name in ("item", "index", "outer") if name in parent.names
            }
    else:
        value = opened.last
        names = {**parent.names, "iteration": index}
    frame = Frame(
        path=inside(parent.path, node.id, index),
        order=(*parent.order, node.index, index),
        owner=StepRef(node.id, parent.path),
        index=index,
        value=value,
        names=names,
        outer=opened.outer,
    )
    state.frames[frame.path] = frame
    opened.next += 1
    opened.running.add(index)
    return frame


def _settle(plan: Plan, state: State, frame: Frame, changes: Changes) -> None:
    """Close the frame when nothing is left to do in it, and go on with its container."""
    if frame.owner is None or frame.active or frame.path not in state.frames:
        return
    opened = state.opened[frame.owner]
    _drop(state, opened, frame, _result_of(plan, frame))
    _go_on(plan, state, frame.owner, changes)


def _drop(state: State, opened: Opened, frame: Frame, result: Any) -> None:
    del state.frames[frame.path]
    opened.running.discard(frame.index)
    opened.last = result
    if not opened.again:
        opened.results[frame.index] = result


def _result_of(plan: Plan, frame: Frame) -> Any:
    """The output of the body's last step, or an object by node id where several end (language §8)."""
    went_on = {plan.edges[edge].source for edges in frame.taken.values() for edge in edges}
    last = [name for name in frame.outputs if plan.by_id[name].index not in went_on]
    if len(last) == 1:
        return frame.outputs[last[0]]
    return {
        name: frame.outputs[name] for name in sorted(last, key=lambda each: plan.by_id[each].index)
    } or None


def _close(
    plan: Plan,
    state: State,
    frame: Frame,
    node: PlannedNode,
    opened: Opened,
    ports: tuple[str, ...],
    output: Any,
    error: ErrorValue | None,
    changes: Changes,
) -> None:
    """A container leaves by its ports."""
    if opened.due_at is not None and error is None:
        changes.over.append(Over(node.id, frame.path))
    changes.closed.append(Closed(node.index, frame.path, ports, output, error, opened.at))
    _leave(plan, state, frame, node, ports, output, changes)


def _fail(
    plan: Plan, state: State, frame: Frame, node: PlannedNode, error: ErrorValue, changes: Changes
) -> None:
    """A step failed and its policy has no answer: its frame fails, then what the containers around it say."""
    while True:
        frame.status[node.id] = Status.FAILED
        frame.active -= 1
        if frame.owner is None:
            state.stopped = "failed", error
            state.ready.clear()
            return
        owner, opened = frame.owner, state.opened[frame.owner]
        abandon(plan, state, frame, changes, "stopped", owner.node)
        opened.running.discard(frame.index)
        if opened.on_error != "stop":
            if opened.on_error == "collect":
                opened.errors[frame.index] = error
            _go_on(plan, state, owner, changes)
            return
        frame, node = state.frames[owner.path], plan.by_id[owner.node]
        give_up(plan, state, owner, changes, "stopped", owner.node)
        if owner == state.part:  # what the map says to it is for the run whose map it is
            state.stopped = "failed", error
            state.ready.clear()
            return
        policy = node.policy
        if policy.on_error != "fail":
            by_port = policy.on_error == "port"
            ports = (ERROR_PORT,) if by_port else node.main_port
            output = dict(error) if by_port else policy.default
            _close(plan, state, frame, node, opened, ports, output, error, changes)
            _settle(plan, state, frame, changes)
            return
        changes.closed.append(Closed(node.index, frame.path, (), None, error, opened.at))


def _spend(state: State, usage: Mapping[str, Any] | None) -> None:
    if usage:
        state.usage = {name: state.usage[name] + (usage.get(name) or 0) for name in NO_USAGE}


def _end(plan: Plan, kind: str, state: State, error: ErrorValue | None) -> dict[str, Any]:
    if state.part is not None:
        output = state.part_output if kind == "run.succeeded" else None
        return {
            "type": kind,
            "output": output,
            "error": error,
            "usage": {**state.usage, "steps": state.steps},
        }
    names = sorted(state.results, key=lambda name: plan.by_id[name].index)
    results = {name: state.results[name][1] for name in names}
    if kind != "run.succeeded" or not results:
        output = None
    else:
        output = next(iter(results.values())) if len(results) == 1 else results
    return {"type": kind, "output": output, "error": error, "usage": dict(state.usage)}


def _budget_error(plan: Plan) -> ErrorValue:
    return {
        "kind": ErrorKind.BUDGET.value,
        "code": "run.step_budget",
        "message": "",
        "retryable": False,
        "attempts": 1,
        "node": None,
        "context": {"limit": plan.step_budget},
    }
