"""What readers of a run see: numbered live events, derived from the journal alone, so they can always be rebuilt."""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from app.flows.events import Event, LiveEvent
from app.flows.plan import Plan
from app.flows.scheduler import State, apply

SHOWN_BYTES: Final = 8_192
_STEP_FIELDS: Final = ("ports", "duration_ms", "usage", "attempts", "error", "started_at", "effects")


class Feed:
    """Numbers events while they come. `state` is the run after all of them."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._seq, self._waiting = plan, 0, False
        self.state = State()

    def take(self, event: Event) -> list[LiveEvent]:
        """Apply an event: what happened, then newly skipped and newly started steps, in file order."""
        changes = apply(self._plan, self.state, event)
        if changes is None:
            return []
        nodes = self._plan.nodes
        found = _main(event)
        found += [("step.skipped", nodes[place].id, None) for place in changes.skipped]
        found += [("step.started", nodes[place].id, None) for place in changes.ready]
        rests = bool(self.state.waits) and not (self.state.ready or self.state.stopped or self.state.ended)
        if rests and not self._waiting:
            found.append(("run.waiting", None, {"nodes": sorted(self.state.waits)}))
        self._waiting = rests
        return [self._numbered(*each) for each in found]

    def _numbered(self, kind: str, node: str | None, data: dict[str, Any] | None) -> LiveEvent:
        self._seq += 1
        event: LiveEvent = {"seq": self._seq, "type": kind}
        if node is not None:
            event["node"], event["path"] = node, ""
        if data is not None:
            event["data"] = data
        return event


def live(plan: Plan, events: Iterable[Any]) -> list[LiveEvent]:
    """All live events of a journal, numbered from 1 without a gap."""
    feed = Feed(plan)
    return [each for event in events for each in feed.take(event)]


def _main(event: Any) -> list[tuple[str, str | None, dict[str, Any] | None]]:
    kind = event["type"]
    if kind == "run.started":
        return [
            (kind, None, {"trigger": event["trigger"], "input": _shown(event["input"]), "at": event["at"]})
        ]
    if kind in ("step.succeeded", "step.failed"):
        data = {name: event[name] for name in _STEP_FIELDS if event.get(name) is not None}
        if kind == "step.succeeded":
            data["output"] = _shown(event["output"])
        return [(kind, event["node"], data)]
    if kind == "step.waiting":
        return [(kind, event["node"], {"kind": event["wait"].get("kind"), "at": event["at"]})]
    if kind in ("run.succeeded", "run.failed", "run.cancelled"):
        return [(kind, None, {name: event[name] for name in ("output", "error", "usage", "at")})]
    return []


def _shown(value: Any) -> Any:
    """A value small enough to show; a large one is the beginning of its JSON."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= SHOWN_BYTES else value[:SHOWN_BYTES] + "…"
    written = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str)
    if len(written) <= SHOWN_BYTES:
        return value
    return written[:SHOWN_BYTES].decode(errors="ignore") + "…"
