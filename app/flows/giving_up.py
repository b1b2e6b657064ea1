"""Steps that nobody needs any more: what they waited for, and everything under way inside of them, is forgotten."""

from app.flows.plan import Plan
from app.flows.run_state import Changes, Frame, Opened, Over, State, Status, StepRef, inside


def abandon(plan: Plan, state: State, frame: Frame, changes: Changes, why: str, by: str) -> None:
    """Forget everything still under way in a frame. Readers are told, but for steps that may have acted."""
    del state.frames[frame.path]
    for name, status in frame.status.items():
        if status in (Status.READY, Status.WAITING, Status.OPEN):
            ref = StepRef(name, frame.path)
            give_up(plan, state, ref, changes, why, by)
            if ref not in state.sent:
                changes.skipped.append((plan.by_id[name].index, frame.path))


def give_up(plan: Plan, state: State, ref: StepRef, changes: Changes, why: str, by: str) -> None:
    """Forget one step, and its frames where it is an open container. `changes` names every wait that is over."""
    state.ready.pop(ref, None)
    opened = empty(plan, state, ref, changes, why, by)
    if state.waits.pop(ref, None) is not None or (opened is not None and opened.due_at is not None):
        changes.over.append(Over(ref.node, ref.path, why, by))


def empty(plan: Plan, state: State, ref: StepRef, changes: Changes, why: str, by: str) -> Opened | None:
    """Close a container that is open, with everything inside of it."""
    opened = state.opened.pop(ref, None)
    for index in sorted(opened.running) if opened else ():
        abandon(plan, state, state.frames[inside(ref.path, ref.node, index)], changes, why, by)
    return opened
