"""The steps of a run as a person looks at them, built from its journal alone."""

from collections.abc import Sequence
from typing import Any

from app.flows.live import live
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
    """In the order the steps were reached."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for event in live(snapshot.plan, events):
        status = _STATUS.get(event["type"])
        if status is not None:
            key = event["node"], event.get("path", "")
            found.setdefault(key, {"node": key[0], "path": key[1]})["status"] = status
    results = {
        (event["node"], event["path"]): event for event in events if "node" in event and "path" in event
    }
    started = next((event for event in events if event["type"] == "run.started"), None)
    for key, event in results.items():
        if key in found:
            found[key] |= _result(event)
    for key, step in found.items():
        if step["status"] != "skipped":
            step["input"] = _input(snapshot, key[0], results, started)
    return [StepView.model_validate(step) for step in found.values()]


def _result(event: dict[str, Any]) -> dict[str, Any]:
    error = event.get("error")
    return {
        "output": event.get("output"),
        "error": error,
        "usage": event.get("usage"),
        "effects": list(event.get("effects", ())),
        "ports": list(event.get("ports", ())),
        "started_at": event.get("started_at") or event.get("at"),
        "duration_ms": event.get("duration_ms"),
        "attempts": event.get("attempts") or (error or {}).get("attempts") or 0,
    }


def _input(snapshot: Snapshot, node: str, results: dict[tuple[str, str], Any], started: Any) -> Any:
    """What came over the taken edges: one value, or an object by source in file order (language §3.3)."""
    if started is not None and started["trigger"] == node:
        return started["input"]
    taken: dict[str, Any] = {}
    for edge in snapshot.flow.edges:
        source = results.get((edge.source, ""))
        if edge.target == node and source is not None and edge.source_port in source.get("ports", ()):
            taken[edge.source] = source.get("output")
    if len(taken) == 1:
        return next(iter(taken.values()))
    order = [each.id for each in snapshot.flow.nodes]
    return {source: taken[source] for source in sorted(taken, key=order.index)} or None
