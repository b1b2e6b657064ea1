"""Flow tests: recorded answers in place of the world, and what is expected of the run.

A test is part of the file (`tests`): `{"name", "input", "answers", "expect"}`. `answers` maps a step ("intent", or
"each[0]/sum" inside a container) to what it gave: `{"output", "port"}` or `{"error": {"kind", "code"}}`, or a list
of such for the rounds of a step. `expect` holds `status`, `path` (the steps that ran, in any order), `output`,
`messages`, `effects` and `budget` (`{"cost_usd", "steps"}`, at most); what is left out is not looked at.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.flows.live import Feed
from app.flows.node_type import ErrorKind, Next, NodeError, Result, Suspend
from app.flows.plan import Plan, PlannedNode
from app.flows.ports import Perform, StepRequest

# What asks the world a question; without an answer a test does not know what it would have said.
_ASKS: Final = frozenset({"ai", "http", "kb", "code", "kommo"})
_SAYS: Final = "channel.send"
_LONGEST_SHOWN: Final = 2_000


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Budget(_Part):
    cost_usd: Annotated[float, Field(ge=0)] | None = None
    steps: Annotated[int, Field(ge=1)] | None = None


class Expectations(_Part):
    status: Literal["succeeded", "failed", "cancelled", "waiting"] = "succeeded"
    path: tuple[str, ...] | None = None
    output: Any = None
    messages: tuple[str, ...] | None = None
    effects: tuple[dict[str, Any], ...] | None = None
    budget: Budget = Budget()


class FlowTest(_Part):
    """One test, as the file holds it."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    input: Any = Field(default_factory=dict)
    chat: bool = False
    state: dict[str, Any] = Field(default_factory=dict)
    answers: dict[str, Any] = Field(default_factory=dict)
    expect: Expectations = Expectations()


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that came out other than expected. `what` is a field of `expect`."""

    what: str
    expected: Any
    found: Any


def read_tests(raw: Iterable[Any]) -> list[FlowTest]:
    """Raises `ValidationError` for the first that is none."""
    return [FlowTest.model_validate(each) for each in raw]


def faults(raw: Iterable[Any]) -> list[tuple[int, str]]:
    """Which tests of a file cannot be read, and why."""
    found = []
    for index, each in enumerate(raw):
        try:
            FlowTest.model_validate(each)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            found.append((index, f"{'.'.join(map(str, first['loc']))}: {first['msg']}"))
    return found


def canned(inner: Perform, answers: Mapping[str, Any]) -> Perform:
    """Performs steps with recorded answers. What asks the world and has none fails with `test.no_answer`."""
    used: dict[str, int] = {}

    async def perform(request: StepRequest) -> Result:
        place = place_of(request.node.id, request.path)
        found = answers.get(place, answers.get(request.node.id))
        if found is not None:
            rounds = found if isinstance(found, list) else [found]
            number = used.get(place, 0)
            used[place] = number + 1
            return _answer(request.node, rounds[min(number, len(rounds) - 1)] if rounds else {})
        if request.node.type.category in _ASKS and request.node.effects == "read":
            raise NodeError(ErrorKind.POLICY, "test.no_answer", step=place)
        result = await inner(request)
        if isinstance(result, Suspend):
            raise NodeError(ErrorKind.POLICY, "test.no_answer", step=place)
        return result

    return perform


def _answer(node: PlannedNode, answer: Any) -> Next:
    given = answer if isinstance(answer, Mapping) else {"output": answer}
    error = given.get("error")
    if isinstance(error, Mapping):
        raised = NodeError(ErrorKind(error.get("kind", "upstream")), str(error.get("code", "test.error")))
        raised.context = dict(error.get("context") or {})
        raise raised
    port = given.get("port")
    ports = tuple(port) if isinstance(port, list | tuple) else port
    return Next(
        node.main_port if ports is None else ports,
        given.get("output"),
        state=given.get("state") or {},
        usage=given.get("usage"),
    )


def judge(plan: Plan, expect: Expectations, events: Sequence[Any]) -> list[Mismatch]:
    """Everything that came out other than expected."""
    ran, feed = _replay(plan, events)
    end = feed.state.end
    status = "waiting" if end is None else end["type"].removeprefix("run.")
    found: list[Mismatch] = []
    if status != expect.status:
        found.append(Mismatch("status", expect.status, _why(status, end)))
    if expect.path is not None and set(expect.path) != set(ran):
        found.append(
            Mismatch("path", sorted(set(expect.path) - set(ran)), sorted(set(ran) - set(expect.path)))
        )
    output = end["output"] if end else None
    if "output" in expect.model_fields_set and output != expect.output:
        found.append(Mismatch("output", expect.output, output))
    said = tuple(str(message["text"]) for message in feed.state.messages)
    if expect.messages is not None and said != expect.messages:
        found.append(Mismatch("messages", list(expect.messages), list(said)))
    effects = [effect for event in events for effect in event.get("effects") or ()]
    if expect.effects is not None and not _covers(expect.effects, effects):
        found.append(Mismatch("effects", list(expect.effects), effects))
    cost, steps = feed.state.usage["cost_usd"], feed.state.steps
    if expect.budget.cost_usd is not None and cost > expect.budget.cost_usd:
        found.append(Mismatch("budget.cost_usd", expect.budget.cost_usd, cost))
    if expect.budget.steps is not None and steps > expect.budget.steps:
        found.append(Mismatch("budget.steps", expect.budget.steps, steps))
    return found


def record(plan: Plan, events: Sequence[Any], name: str, *, chat: bool = False) -> dict[str, Any]:
    """A test that a run of these events would pass: what the world answered, and what came of it."""
    started = events[0]
    answers: dict[str, Any] = {}
    waited = {(each["node"], each["path"]) for each in events if each["type"] == "step.waiting"}
    for event in events:
        if event["type"] not in ("step.succeeded", "step.failed"):
            continue
        node = plan.by_id[event["node"]]
        if (
            node.effects == "none" and (event["node"], event["path"]) not in waited
        ) or node.type.key == _SAYS:
            continue
        answers[place_of(event["node"], event["path"])] = _recorded(node, event)
    ran, feed = _replay(plan, events)
    end = feed.state.end or {"type": "waiting", "output": None}
    expect: dict[str, Any] = {"status": end["type"].removeprefix("run."), "path": ran}
    if end["output"] is not None:
        expect["output"] = end["output"]
    if feed.state.messages:
        expect["messages"] = [str(message["text"]) for message in feed.state.messages]
    test: dict[str, Any] = {"name": name, "input": started["input"]}
    if chat:
        test["chat"] = True
    return {**test, "answers": answers, "expect": expect}


def uncovered(plan: Plan, runs: Iterable[Sequence[Any]]) -> tuple[list[str], list[str]]:
    """Nodes that no test reached, and branches ("node.port") that none took, in file order."""
    nodes: set[str] = set()
    edges: set[int] = set()
    for events in runs:
        feed = Feed(plan)
        for event in events:
            for told in feed.take(event):
                if told["type"] in ("step.succeeded", "step.failed"):
                    nodes.add(told["node"])
                    left_by = set((told.get("data") or {}).get("ports") or ())
                    node = plan.by_id[told["node"]]
                    edges |= {
                        each for port, places in node.outgoing.items() if port in left_by for each in places
                    }
                elif told["type"] == "step.started" and told.get("path"):
                    edges |= set(plan.by_id[told["node"]].incoming) & {
                        entry for node in plan.nodes for entry in node.entries
                    }
    missing = [node.id for node in plan.nodes if node.id not in nodes]
    branches = [f"{plan.nodes[edge.source].id}.{edge.port}" for edge in plan.edges if edge.index not in edges]
    return missing, list(dict.fromkeys(branches))


def place_of(node: str, path: str) -> str:
    """How tests name a step."""
    return f"{path}/{node}" if path else node


def _replay(plan: Plan, events: Sequence[Any]) -> tuple[list[str], Feed]:
    """The steps that ran, each once, in the order they ended; and the run after all of them."""
    feed = Feed(plan)
    ran: dict[str, None] = {}
    for event in events:
        for told in feed.take(event):
            if told["type"] in ("step.succeeded", "step.failed"):
                ran[place_of(told["node"], told["path"])] = None
    return list(ran), feed


def _recorded(node: PlannedNode, event: Mapping[str, Any]) -> dict[str, Any]:
    error = event.get("error")
    if error:
        return {
            "error": {"kind": error["kind"], "code": error["code"], "context": error.get("context") or {}}
        }
    answer: dict[str, Any] = {"output": event["output"]}
    if tuple(event["ports"]) != node.main_port:
        answer["port"] = event["ports"][0] if len(event["ports"]) == 1 else list(event["ports"])
    for name in ("state", "usage"):
        if event.get(name):
            answer[name] = event[name]
    return answer


def _why(status: str, end: Mapping[str, Any] | None) -> str:
    error = (end or {}).get("error") or {}
    return f"{status}: {error.get('node') or ''} {error.get('code', '')}".rstrip(": ") if error else status


def _covers(expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> bool:
    """The effects in any order; each of an expected one's fields has its value."""
    left = list(found)
    for each in expected:
        match = next(
            (one for one in left if all(one.get(name) == value for name, value in each.items())), None
        )
        if match is None:
            return False
        left.remove(match)
    return not left
