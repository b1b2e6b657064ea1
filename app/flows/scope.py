"""What a step sees: its input, and every name its templates may use."""

from collections import ChainMap
from datetime import datetime
from typing import Any

from app.flows.plan import Plan, PlannedNode
from app.flows.ports import StepRequest
from app.flows.run_state import Frame, State, StepRef


def input_of(plan: Plan, state: State, frame: Frame, node: PlannedNode) -> Any:
    """The value on the one taken edge, or several by source node id in file order (language §3.3).

    A loop that is asked again has its body's newest result. A join has what came first.
    """
    if node.id == state.trigger and not frame.path:
        return state.input
    opened = state.opened.get(StepRef(node.id, frame.path))
    if opened is not None:
        return opened.last
    edges = [plan.edges[edge] for edge in frame.taken.get(node.index, ())[: node.needs]]
    sources = sorted({edge.source for edge in edges})
    values = {plan.nodes[source].id: _came_from(plan, frame, source) for source in sources}
    return next(iter(values.values())) if len(values) == 1 else values


def request_for(plan: Plan, state: State, ref: StepRef, run_id: str, now: datetime) -> StepRequest:
    """The first attempt of a ready step. A loop sees in `iteration` how many rounds are done."""
    node, frame = plan.by_id[ref.node], state.frames[ref.path]
    step_input = input_of(plan, state, frame, node)
    scope = scope_of(state, frame, run_id, step_input)
    opened = state.opened.get(ref)
    rounds = opened.next if opened else 0
    if node.type.container is not None and node.type.container.items is None:
        scope["iteration"] = rounds
    return StepRequest(
        run_id=run_id,
        node=node,
        path=ref.path,
        input=step_input,
        scope=scope,
        attempt=1,
        idempotency_key=f"{run_id}:{node.id}:{ref.path}:1",
        now=now,
        rounds=rounds,
        sources=_sources(plan, frame, node) if node.needs else (),
        spent_usd=state.usage["cost_usd"],
        steps_left=steps_left(plan, state),
    )


def steps_left(plan: Plan, state: State) -> int:
    """Of the run's budget; below zero where runs that did parts of this one went beyond it together."""
    return (plan.step_budget if state.budget is None else state.budget) - state.steps


def _sources(plan: Plan, frame: Frame, node: PlannedNode) -> tuple[str, ...]:
    """The nodes whose edges into this one were taken, in file order."""
    places = {plan.edges[edge].source for edge in frame.taken.get(node.index, ())}
    return tuple(plan.nodes[place].id for place in sorted(places))


def scope_of(state: State, frame: Frame, run_id: str, step_input: Any) -> dict[str, Any]:
    """Every name a template of the step may use. Values that do not exist are absent."""
    outputs: Any = frame.outputs
    if frame.path:
        outputs = ChainMap(frame.outputs, frame.outer)  # type: ignore[arg-type]
    return {
        **state.scope,
        **frame.names,
        "input": step_input,
        "trigger": state.outputs.get(state.trigger or "", state.input),
        "nodes": outputs,
        "state": state.variables,
        "run": {"id": run_id, "started_at": state.started_at},
    }


def _came_from(plan: Plan, frame: Frame, source: int) -> Any:
    """What a taken edge carries: a node's output, or the item or round that a body begins with."""
    node = plan.nodes[source]
    if frame.owner is not None and node.id == frame.owner.node and node.id not in frame.outputs:
        return frame.value
    return frame.outputs[node.id]
