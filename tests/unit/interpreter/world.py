"""Small node types, random graphs and a still clock for tests of the interpreter."""

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from app.flows import codec
from app.flows.drive import DriveResult, StepRequest, drive
from app.flows.memory import MemoryJournal, MemorySink
from app.flows.node_type import Effects, ErrorKind, Next, NodeError, NodeType, Params, Suspend, Value
from app.flows.perform import make_perform
from app.flows.plan import Plan, compile
from app.nodes import logic_join, logic_loop, logic_map
from app.nodes.catalog import NodeCatalog

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RUN = "run"


class Free(Params):
    """`value` is what the step answers, else its input; `leave` the ports it leaves by."""

    value: Value = None
    leave: tuple[str, ...] = ("out",)
    wait: bool = False
    fail: bool = False


async def _answer(params: Free, ctx: Any) -> Next | Suspend:
    if params.fail:
        raise NodeError(ErrorKind.INVALID_INPUT, "test.fails")
    if params.wait:
        return Suspend({"kind": "test"})
    return Next(params.leave, ctx.input if params.value is None else params.value)


def _type(key: str, effects: Effects, **more: Any) -> NodeType:
    options: dict[str, Any] = {"ports": ("out", "other"), "output": None, "category": "test", **more}
    return NodeType(key=key, version=1, icon="x", effects=effects, params=Free, run=_answer, **options)


CATALOG = NodeCatalog(
    (
        _type("start", "none", trigger=True, has_input=False, passes_input=True),
        _type("pure", "none"),
        _type("read", "read"),
        _type("unsafe", "unsafe"),
        _type("model", "read", category="ai"),
        _type("output.result", "none"),
        logic_map.NODE,
        logic_loop.NODE,
        logic_join.NODE,
    )
)


def node(
    node_id: str,
    node_type: str = "pure",
    policy: Mapping[str, Any] | None = None,
    parent: str | None = None,
    **params: Any,
) -> Any:
    """A node; the param `while` is spelled `while_`."""
    params = {name.rstrip("_"): value for name, value in params.items()}
    return {
        "id": node_id, "type": node_type, "params": params, "policy": dict(policy or {}), "parent": parent
    }  # fmt: skip


def edge(arrow: str) -> dict[str, Any]:
    """`a > b`, or `a.port > b`."""
    left, target = arrow.split(" > ")
    source, _, port = left.partition(".")
    return {"id": arrow, "source": source, "source_port": port or "out", "target": target}


def plan_of(nodes: list[Any], arrows: list[str], *, step_budget: int = 10_000, **more: Any) -> Plan:
    document = {"schema": "flow/1", "nodes": nodes, "edges": [edge(arrow) for arrow in arrows], **more}
    return compile(codec.parse(document), CATALOG, step_budget=step_budget)


def started(trigger: str = "start", given: Any = None, **more: Any) -> Any:
    return {
        "type": "run.started",
        "trigger": trigger,
        "input": {"n": 1} if given is None else given,
        "scope": {},
        "state": {},
        "at": NOW.isoformat(),
        **more,
    }


def done(node_id: str, *ports: str, path: str = "", output: Any = None, **more: Any) -> Any:
    return {
        "type": "step.succeeded",
        "node": node_id,
        "path": path,
        "ports": list(ports or ("out",)),
        "output": output,
        "attempts": 1,
        "started_at": NOW.isoformat(),
        "duration_ms": 1.0,
        **more,
    }


def failed(node_id: str) -> Any:
    error = {
        "kind": "upstream", "code": "x", "message": "", "retryable": True, "attempts": 1, "node": node_id
    }  # fmt: skip
    return {
        "type": "step.failed", "node": node_id, "path": "", "error": error,
        "started_at": NOW.isoformat(), "duration_ms": 1.0,
    }  # fmt: skip


def waiting(node_id: str) -> Any:
    return {
        "type": "step.waiting", "node": node_id, "path": "", "wait": {"kind": "test"}, "at": NOW.isoformat()
    }  # fmt: skip


class World:
    """One run in memory. `before` is called before every performed step; `performed` remembers them by place.

    Its clock stands still unless it is `ticking`.
    """

    def __init__(self, plan: Plan, given: Any = None, journal: MemoryJournal | None = None) -> None:
        self.plan, self.sink, self.journal = plan, MemorySink(), journal or MemoryJournal()
        if not self.journal.runs.get(RUN):
            self.journal.runs[RUN] = [started(given=given)]
        self.performed: list[str] = []
        self.slept: list[float] = []
        self.before: Callable[[StepRequest], Awaitable[None]] | None = None
        self.ticking = False

    @property
    def events(self) -> list[Any]:
        return self.journal.runs[RUN]

    @property
    def kinds(self) -> list[str]:
        return [f"{event['type']} {event.get('node') or ''}".strip() for event in self.events]

    async def run(self, **options: Any) -> DriveResult:
        inner = make_perform(self.plan, lambda _request: {})

        async def perform(request: StepRequest) -> Any:
            self.performed.append(place_of(request.node.id, request.path))
            if self.before is not None:
                await self.before(request)
            return await inner(request)

        async def sleep(pause_s: float) -> None:
            self.slept.append(pause_s)

        began = time.monotonic()

        def tick() -> datetime:
            return NOW + timedelta(seconds=time.monotonic() - began)

        options = {"sleep": sleep, "jitter": lambda: 0.5, **options}
        clock = options.pop("clock", tick if self.ticking else lambda: NOW)
        return await drive(self.plan, RUN, self.journal, self.sink, perform, clock, **options)


def place_of(node_id: str, path: str) -> str:
    return f"{path}/{node_id}" if path else node_id


@st.composite
def graphs(draw: st.DrawFn, *, failures: bool = False, joins: bool = True) -> Plan:
    """Any sound graph: branches, joins, dead ends, several ports, waits, containers and every effect class."""
    builder = _Graph(draw, failures, joins)
    builder.fill(None, "start", draw(st.integers(1, 7)), 0)
    return plan_of(draw(st.permutations(builder.nodes)), sorted(builder.arrows))


class _Graph:
    def __init__(self, draw: st.DrawFn, failures: bool, joins: bool) -> None:
        self.draw, self.failures, self.joins = draw, failures, joins
        self.nodes: list[Any] = [node("start", "start")]
        self.arrows: set[str] = set()

    def fill(self, parent: str | None, entry: str, size: int, depth: int) -> None:
        """Nodes of one level, each behind the entry or behind earlier ones."""
        sources = [entry]
        for _ in range(size):
            name = f"n{len(self.nodes)}"
            for _ in range(self.draw(st.integers(0 if parent is None else 1, 3))):
                self.arrows.add(f"{self.draw(st.sampled_from(sources))} > {name}")
            sources += self._add(name, parent, depth)

    def _add(self, name: str, parent: str | None, depth: int) -> list[str]:
        """A node of any kind. Returns the ports later nodes may hang on."""
        draw, simple = self.draw, ["pure", "pure", "read", "unsafe", "output.result"]
        containers = ["logic.map", "logic.loop"] if depth < 2 else []
        kind = draw(st.sampled_from([*simple, *containers, *(["logic.join"] if self.joins else [])]))
        policy = {"on_error": draw(st.sampled_from(["fail", "default", "port"]))} if self.failures else {}
        if kind == "logic.join":
            mode = draw(st.sampled_from([{"mode": "first"}, {"mode": "any", "late": "cancel"}]))
            self.nodes.append(node(name, kind, parent=parent, **mode))
            return [name]
        if kind == "logic.map":
            params = {
                "items": list(range(draw(st.integers(0, 3)))),
                "max_parallel": draw(st.integers(1, 3)),
                "on_item_error": draw(
                    st.sampled_from(["stop", "skip", "collect"][: 3 if self.failures else 1])
                ),
            }
            self.nodes.append(node(name, kind, policy, parent, **params))
            self.fill(name, f"{name}.item", draw(st.integers(0, 3)), depth + 1)
            return [f"{name}.done"]
        if kind == "logic.loop":
            stop = {"left": "{{ iteration }}", "op": "gte", "right": draw(st.integers(0, 3))}
            self.nodes.append(node(name, kind, policy, parent, until=stop, max_iterations=3))
            self.fill(name, f"{name}.body", draw(st.integers(0, 3)), depth + 1)
            return [f"{name}.done", f"{name}.exhausted"]
        leave = draw(st.sampled_from([["out"], ["other"], ["out", "other"], []]))
        waits, fails = draw(st.integers(0, 7)) == 0, self.failures and draw(st.integers(0, 4)) == 0
        more = {"leave": leave, "wait": waits, "fail": fails, "value": len(self.nodes)}
        self.nodes.append(node(name, kind, policy, parent, **more))
        return [name, f"{name}.other"]
