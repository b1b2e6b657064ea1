"""What readers of a run see: numbered live events, derived from the journal alone, so they can always be rebuilt."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import orjson

from app.flows.events import Event, LiveEvent
from app.flows.large_values import LARGE_BYTES
from app.flows.plan import Plan
from app.flows.run_state import Changes, Closed, State
from app.flows.scheduler import apply

Told = tuple[str, str | None, str, dict[str, Any] | None]

SHOWN_BYTES: Final = 8_192
PREVIEW_CHARACTERS: Final = 1_024
_STEP_FIELDS: Final = ("ports", "duration_ms", "usage", "attempts", "error", "started_at", "cached")


class Feed:
    """Numbers events while they come. `state` is the run after all of them, `changes` what the last one brought."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._seq, self._waiting = plan, 0, False
        self.state: State = State()
        self.changes: Changes | None = None

    def take(self, event: Event) -> list[LiveEvent]:
        """Apply an event: what happened, what that closed, then newly skipped and newly started steps."""
        changes = self.changes = apply(self._plan, self.state, event)
        if changes is None:
            return []
        nodes = self._plan.nodes
        found = _main(event)
        for closed in changes.closed:
            found.append(_closed(nodes[closed.place].id, closed, event))
        found += [("step.skipped", nodes[place].id, path, None) for place, path in changes.skipped]
        found += [("step.started", nodes[place].id, path, None) for place, path in changes.ready]
        state = self.state
        rests = bool(state.waits) and not (state.ready or state.stopped or state.ended)
        if rests and (not self._waiting or event["type"] == "step.waiting"):
            kinds = sorted({str(wait.get("kind")) for wait in state.waits.values()})
            data = {"nodes": sorted({ref.node for ref in state.waits}), "kinds": kinds}
            found.append(("run.waiting", None, "", data))
        self._waiting = rests
        return [self._numbered(*each) for each in found]

    def _numbered(self, kind: str, node: str | None, path: str, data: dict[str, Any] | None) -> LiveEvent:
        self._seq += 1
        event: LiveEvent = {"seq": self._seq, "type": kind}
        if node is not None:
            event["node"], event["path"] = node, path
        if data is not None:
            event["data"] = data
        return event


def live(plan: Plan, events: Iterable[Any]) -> list[LiveEvent]:
    """All live events of a journal, numbered from 1 without a gap."""
    feed = Feed(plan)
    return [each for event in events for each in feed.take(event)]


def _main(event: Any) -> list[Told]:
    kind = event["type"]
    if kind == "run.started":
        data = {"trigger": event["trigger"], **_shown("input", event["input"]), "at": event["at"]}
        return [(kind, None, "", data)]
    if kind in ("step.succeeded", "step.failed"):
        data = {name: event[name] for name in _STEP_FIELDS if event.get(name) is not None}
        if kind == "step.succeeded":
            data |= _shown("output", event["output"])
        if event.get("effects"):
            data["effects"] = [_shown("effect", each)["effect"] for each in event["effects"]]
        return [(kind, event["node"], event["path"], data)]
    if kind == "step.waiting":
        data = {"kind": event["wait"].get("kind"), "at": event["at"], "due_at": event["wait"].get("due_at")}
        return [(kind, event["node"], event["path"], data)]
    if kind in ("run.succeeded", "run.failed", "run.cancelled"):
        data = {name: event[name] for name in ("error", "usage", "at")}
        return [(kind, None, "", _shown("output", event["output"], LARGE_BYTES) | data)]
    return []


def _closed(node: str, closed: Closed, event: Any) -> Told:
    """A container's end, as if it had an event of its own."""
    took_ms = _milliseconds(closed.started_at, event.get("started_at")) + (event.get("duration_ms") or 0)
    data: dict[str, Any] = {"started_at": closed.started_at, "duration_ms": round(took_ms, 3), "attempts": 1}
    if closed.error is not None:
        data["error"] = closed.error
    if closed.failed:
        return "step.failed", node, closed.path, data
    return (
        "step.succeeded",
        node,
        closed.path,
        {**data, "ports": list(closed.ports), **_shown("output", closed.output)},
    )


def _milliseconds(begin: str, end: str | None) -> float:
    if end is None:
        return 0.0
    return max((datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds() * 1000, 0.0)


def _shown(name: str, value: Any, most: int = SHOWN_BYTES) -> dict[str, Any]:
    """A value small enough to show. Of a large one the beginning of its JSON, and its size in bytes as `<name>_size`."""
    if value is None or isinstance(value, bool | int | float):
        return {name: value}
    if isinstance(value, str) and len(value) * 4 <= most:
        return {name: value}
    text = isinstance(value, str)
    written = value.encode() if text else orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str)
    if len(written) <= most:
        return {name: value}
    preview = written[: PREVIEW_CHARACTERS * 4].decode(errors="ignore")[:PREVIEW_CHARACTERS] + "…"
    return {name: preview, f"{name}_size": len(written)}
