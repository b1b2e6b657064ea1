"""The steps of a run as a person looks at them, built from its journal alone."""

from collections.abc import Sequence
from typing import Any

from app.flows.live import Feed
from app.flows.run_state import StepRef
from app.flows.scope import input_of
from app.schemas.flow_runs import StepView
from app.services.snapshots import Snapshot

_STATUS = {
    "step.started": "running",
    "step.succeeded": "succeeded",
    "step.failed": "failed",
    "step.skipped": "skipped",
    "step.waiting": "waiting",
}


def steps_of(snapshot: Snapshot, events: Sequence[Any]) -> list[StepView]:
    """In the order the steps were reached. Inputs are those the run itself would have given them."""
    plan, feed = snapshot.plan, Feed(snapshot.plan)
    found: dict[StepRef, dict[str, Any]] = {}
    for event in events:
        for told in feed.take(event):
            status = _STATUS.get(told["type"])
            if status is None:
                continue
            ref = StepRef(told["node"], told["path"])
            step = found.setdefault(ref, {"node": ref.node, "path": ref.path})
            step["status"] = status
            frame = feed.state.frames.get(ref.path)
            if status == "running" and frame is not None:
                step["input"] = input_of(plan, feed.state, frame, plan.by_id[ref.node])
            elif (event.get("node"), event.get("path")) == ref:
                step |= _result(event)
            elif status in ("succeeded", "failed"):  # a container: its end follows from its last frame
                step |= _result(told.get("data", {})) | {"output": _closed(snapshot, feed, ref)}
    return [StepView.model_validate(step) for step in found.values()]


def _closed(snapshot: Snapshot, feed: Feed, ref: StepRef) -> Any:
    """A container's whole output: readers are told no more than the beginning of a large one."""
    place = snapshot.plan.by_id[ref.node].index
    closed = feed.changes.closed if feed.changes else ()
    return next((each.output for each in closed if (each.place, each.path) == (place, ref.path)), None)


def _result(event: dict[str, Any]) -> dict[str, Any]:
    error = event.get("error")
    return {
        "output": event.get("output"),
        "error": error,
        "usage": event.get("usage"),
        "effects": list(event.get("effects", ())),
        "ports": list(event.get("ports", ())),
        "cached": bool(event.get("cached")),
        "started_at": event.get("started_at") or event.get("at"),
        "duration_ms": event.get("duration_ms"),
        "attempts": event.get("attempts") or (error or {}).get("attempts") or 0,
    }
