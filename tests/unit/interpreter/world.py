"""Small node types, random graphs and a still clock for tests of the interpreter."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from app.flows import codec
from app.flows.drive import DriveResult, StepRequest, drive
from app.flows.memory import MemoryJournal, MemorySink
from app.flows.node_type import Effects, Next, NodeType, Params, Suspend, Value
from app.flows.perform import make_perform
from app.flows.plan import Plan, compile
from app.nodes.catalog import NodeCatalog

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RUN = "run"


class Free(Params):
    """`value` is what the step answers, else its input; `leave` the ports it leaves by."""

    value: Value = None
    leave: tuple[str, ...] = ("out",)
    wait: bool = False


async def _answer(params: Free, ctx: Any) -> Next | Suspend:
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
    )
)


def node(
    node_id: str, node_type: str = "pure", policy: Mapping[str, Any] | None = None, **params: Any
) -> Any:
    return {"id": node_id, "type": node_type, "params": params, "policy": dict(policy or {})}


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


def done(node_id: str, *ports: str, output: Any = None, **more: Any) -> Any:
    return {
        "type": "step.succeeded",
        "node": node_id,
        "path": "",
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
    """One run in memory. `before` is called before every performed step; `performed` remembers them."""

    def __init__(self, plan: Plan, given: Any = None, journal: MemoryJournal | None = None) -> None:
        self.plan, self.sink, self.journal = plan, MemorySink(), journal or MemoryJournal()
        if not self.journal.runs.get(RUN):
            self.journal.runs[RUN] = [started(given=given)]
        self.performed: list[str] = []
        self.slept: list[float] = []
        self.before: Callable[[StepRequest], Awaitable[None]] | None = None

    @property
    def events(self) -> list[Any]:
        return self.journal.runs[RUN]

    @property
    def kinds(self) -> list[str]:
        return [f"{event['type']} {event.get('node') or ''}".strip() for event in self.events]

    async def run(self, **options: Any) -> DriveResult:
        inner = make_perform(self.plan, lambda _node, _path: {})

        async def perform(request: StepRequest) -> Any:
            self.performed.append(request.node.id)
            if self.before is not None:
                await self.before(request)
            return await inner(request)

        async def sleep(pause_s: float) -> None:
            self.slept.append(pause_s)

        options = {"sleep": sleep, "jitter": lambda: 0.5, **options}
        return await drive(self.plan, RUN, self.journal, self.sink, perform, lambda: NOW, **options)


@st.composite
def graphs(draw: st.DrawFn) -> Plan:
    """Any acyclic graph: branches, joins, dead ends, several ports, waits and every effect class."""
    size = draw(st.integers(1, 9))
    nodes = [node("start", "start")]
    arrows: set[str] = set()
    for number in range(size):
        leave = draw(st.sampled_from([["out"], ["other"], ["out", "other"], []]))
        kind = draw(st.sampled_from(["pure", "pure", "read", "unsafe", "output.result"]))
        nodes.append(node(f"n{number}", kind, leave=leave, wait=draw(st.integers(0, 7)) == 0, value=number))
        for _ in range(draw(st.integers(0, 3))):
            source = draw(st.sampled_from(nodes[:-1]))["id"]
            port = "" if source == "start" else draw(st.sampled_from(["", ".other"]))
            arrows.add(f"{source}{port} > n{number}")
    return plan_of(draw(st.permutations(nodes)), sorted(arrows))
