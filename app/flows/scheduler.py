"""What a run is, from its journal alone: which steps are done, skipped, ready or waiting, and how it ends.

Pure: no clock, no I/O, no randomness. `advance` never changes what it is given; a driver that owns its state uses
`apply`, which changes it in place and costs no more than the step's own edges.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast

from app.flows.events import ErrorValue, Event, RunStarted, RunStopped, StepSucceeded
from app.flows.node_type import ErrorKind
from app.flows.plan import Plan, PlannedNode

RESULT: Final = "output.result"
_NO_USAGE: Final[dict[str, Any]] = {"prompt_tokens": 0, "completion_tokens": 0, "cost_usd": 0.0}


class Status(StrEnum):
    """Where a step is. A step that is not reached yet has no status."""

    READY = "ready"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class StepRef(NamedTuple):
    node: str
    path: str = ""


@dataclass(slots=True)
class Changes:
    """What one event brought: newly skipped and newly ready nodes, as places in file order."""

    skipped: list[int] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)


@dataclass(slots=True)
class State:
    """A run so far. `unknown` counts edges still unknown, by node; `taken` lists taken edges, by node."""

    trigger: str | None = None
    input: Any = None
    scope: Mapping[str, Any] = field(default_factory=dict)
    started_at: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Status] = field(default_factory=dict)
    unknown: dict[int, int] = field(default_factory=dict)
    taken: dict[int, list[int]] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    ready: dict[int, None] = field(default_factory=dict)
    waits: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    results: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=lambda: dict(_NO_USAGE))
    steps: int = 0
    stopped: tuple[str, ErrorValue | None] | None = None
    end: Mapping[str, Any] | None = None

    @property
    def ended(self) -> bool:
        return self.end is not None

    def copy(self) -> "State":
        return State(
            self.trigger, self.input, self.scope, self.started_at, self.variables,
            dict(self.status), dict(self.unknown), {node: list(each) for node, each in self.taken.items()},
            dict(self.outputs), dict(self.ready), dict(self.waits), set(self.sent), dict(self.results),
            list(self.messages), dict(self.usage), self.steps, self.stopped, self.end,
        )  # fmt: skip


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


def ready(plan: Plan, state: State, running: Collection[str] = ()) -> tuple[StepRef, ...]:
    """Steps to perform beside the `running` ones, in file order, as many as the step budget still allows."""
    left = max(plan.step_budget - state.steps - len(running), 0)
    names = [plan.nodes[place].id for place in sorted(state.ready)]
    return tuple(StepRef(name) for name in [each for each in names if each not in running][:left])


def outcome(plan: Plan, state: State) -> dict[str, Any] | None:
    """How the run ends: a `RunEnded` without its moment. None while it goes on or waits."""
    if state.trigger is None or state.ended:
        return None
    if state.stopped:
        how, error = state.stopped
        return _end(f"run.{how}", state, error)
    if state.ready and state.steps >= plan.step_budget:
        return _end("run.failed", state, _budget_error(plan))
    if state.ready or state.waits:
        return None
    return _end("run.succeeded", state, None)


def input_of(plan: Plan, state: State, node: PlannedNode) -> Any:
    """The value on the one taken edge, or several by source node id in file order (language §3.3)."""
    if node.id == state.trigger:
        return state.input
    taken = state.taken.get(node.index, ())
    sources = sorted({plan.edges[edge].source for edge in taken})
    if len(sources) == 1:
        return state.outputs[plan.nodes[sources[0]].id]
    return {plan.nodes[source].id: state.outputs[plan.nodes[source].id] for source in sources}


def scope_of(state: State, run_id: str, step_input: Any) -> dict[str, Any]:
    """Every name a template of the step may use. Values that do not exist are absent."""
    return {
        **state.scope,
        "input": step_input,
        "trigger": state.outputs.get(state.trigger or "", state.input),
        "nodes": state.outputs,
        "state": state.variables,
        "run": {"id": run_id, "started_at": state.started_at},
    }


def _start(plan: Plan, state: State, event: RunStarted) -> Changes | None:
    if state.trigger is not None:
        return None
    trigger = plan.by_id[event["trigger"]]
    state.trigger, state.input, state.scope = trigger.id, event["input"], event.get("scope") or {}
    state.variables, state.started_at = dict(event.get("state") or {}), event["at"]
    changes = Changes()
    state.status[trigger.id] = Status.READY
    state.ready[trigger.index] = None
    for node in plan.nodes:
        if not node.incoming and node is not trigger:
            _skip(plan, state, node, changes)
    changes.ready.append(trigger.index)
    changes.skipped.sort()
    return changes


def _step(plan: Plan, state: State, event: Any) -> Changes | None:
    node = plan.by_id.get(event["node"])
    if node is None or event["path"]:
        return None
    if state.status.get(node.id) not in (Status.READY, Status.WAITING):
        return None
    kind = event["type"]
    if kind == "step.sent":
        if node.id in state.sent:
            return None
        state.sent.add(node.id)
        return Changes()
    if kind == "step.waiting":
        if node.id in state.waits:
            return None
        state.steps += 1
        state.waits[node.id] = event["wait"]
        state.status[node.id] = Status.WAITING
        del state.ready[node.index]
        return Changes()
    if state.waits.pop(node.id, None) is None:
        state.steps += 1
    state.ready.pop(node.index, None)
    if kind == "step.failed":
        state.status[node.id] = Status.FAILED
        state.stopped = "failed", event["error"]
        state.ready.clear()
        return Changes()
    return _succeed(plan, state, node, event)


def _succeed(plan: Plan, state: State, node: PlannedNode, event: StepSucceeded) -> Changes:
    state.status[node.id] = Status.SUCCEEDED
    state.outputs[node.id] = event["output"]
    if assigned := event.get("state"):
        state.variables = {**state.variables, **assigned}
    state.messages.extend(event.get("messages") or ())
    _spend(state, event.get("usage"))
    if node.type.key == RESULT and not event.get("error") and node.node.enabled:
        state.results = _in_file_order(plan, {**state.results, node.id: event["output"]})
    changes = Changes()
    for port, edges in node.outgoing.items():
        for edge in edges:
            _resolve(plan, state, edge, port in event["ports"], changes)
    changes.skipped.sort()
    changes.ready.sort()
    return changes


def _resolve(plan: Plan, state: State, edge: int, taken: bool, changes: Changes) -> None:
    """An edge becomes known. Skips propagate without recursion, so that a chain may be of any length."""
    resolved = [(edge, taken)]
    while resolved:
        place, is_taken = resolved.pop()
        node = plan.nodes[plan.edges[place].target]
        if is_taken:
            state.taken.setdefault(node.index, []).append(place)
        state.unknown[node.index] = left = state.unknown.get(node.index, len(node.incoming)) - 1
        if left or node.id in state.status:
            continue
        if state.taken.get(node.index):
            state.status[node.id] = Status.READY
            state.ready[node.index] = None
            changes.ready.append(node.index)
        else:
            state.status[node.id] = Status.SKIPPED
            changes.skipped.append(node.index)
            resolved.extend((each, False) for edges in node.outgoing.values() for each in edges)


def _skip(plan: Plan, state: State, node: PlannedNode, changes: Changes) -> None:
    state.status[node.id] = Status.SKIPPED
    changes.skipped.append(node.index)
    for edges in node.outgoing.values():
        for edge in edges:
            _resolve(plan, state, edge, False, changes)


def _in_file_order(plan: Plan, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in sorted(values, key=lambda each: plan.by_id[each].index)}


def _spend(state: State, usage: Mapping[str, Any] | None) -> None:
    if usage:
        state.usage = {name: state.usage[name] + (usage.get(name) or 0) for name in _NO_USAGE}


def _end(kind: str, state: State, error: ErrorValue | None) -> dict[str, Any]:
    results = state.results
    if kind != "run.succeeded" or not results:
        output = None
    else:
        output = next(iter(results.values())) if len(results) == 1 else dict(results)
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
