"""Results that are kept: what may be, what they depend on, and what a run that has one looks like."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from app.flows import codec
from app.flows.check import check
from app.flows.drive import drive
from app.flows.keeping import can_keep, key_of
from app.flows.memory import MemoryJournal, MemorySink
from app.flows.perform import make_perform
from app.flows.plan import compile
from app.flows.ports import StepRequest
from app.nodes.catalog import CATALOG as REAL
from tests.unit.interpreter.world import CATALOG, NOW, RUN, node, plan_of, started

START = node("start", "start")
KEPT = {"cache": {"ttl_s": 60}}


class Shelf:
    """A keeper in memory."""

    def __init__(self) -> None:
        self.results: dict[str, dict[str, Any]] = {}
        self.ttls: list[float] = []

    async def find(self, key: str) -> dict[str, Any] | None:
        return self.results.get(key)

    async def keep(self, key: str, result: Mapping[str, Any], ttl_s: float) -> None:
        self.results[key] = dict(result)
        self.ttls.append(ttl_s)


async def run(shelf: Shelf, given: Any, *nodes: Any, arrows: list[str] | None = None) -> list[Any]:
    """The events of one run of `start` and these nodes in a row."""
    names = ["start", *(each["id"] for each in nodes)]
    plan = plan_of([START, *nodes], arrows or [f"{a} > {b}" for a, b in itertools.pairwise(names)])
    journal = MemoryJournal()
    journal.runs[RUN] = [started(given=given)]
    perform = make_perform(plan, lambda _request: {}, keeper=shelf)
    await drive(plan, RUN, journal, MemorySink(), perform, lambda: NOW)
    return journal.runs[RUN]


def result(events: list[Any], node_id: str) -> Any:
    return next(each for each in events if each.get("node") == node_id and each["type"] != "step.sent")


async def test_the_same_question_is_answered_once() -> None:
    shelf = Shelf()
    asks = node("a", "read", KEPT, value="{{ input.q }}")
    first = result(await run(shelf, {"q": "one", "at": 1}, asks), "a")
    second = result(await run(shelf, {"q": "one", "at": 2}, asks), "a")
    other = result(await run(shelf, {"q": "two", "at": 3}, asks), "a")
    assert [each.get("cached", False) for each in (first, second, other)] == [False, True, False]
    assert [each["output"] for each in (first, second, other)] == ["one", "one", "two"]
    assert shelf.ttls == [60, 60]


@pytest.mark.parametrize("kind", ["unsafe"])
async def test_what_acts_is_never_kept_and_the_checker_says_so(kind: str) -> None:
    shelf = Shelf()
    acts = node("a", kind, KEPT, value=1)
    for _ in range(2):
        assert not result(await run(shelf, {}, acts), "a").get("cached")
    assert shelf.results == {}
    found = check(plan_of([START, acts], ["start > a"]).flow, CATALOG)
    assert [(each.code, each.node, each.param) for each in found if each.code.startswith("policy")] == [
        ("policy.cache_ignored", "a", "policy.cache")
    ]


async def test_what_failed_or_waits_is_not_kept() -> None:
    shelf = Shelf()
    await run(shelf, {}, node("a", "read", {**KEPT, "on_error": "default", "default": 1}, fail=True))
    await run(shelf, {}, node("a", "read", KEPT, wait=True))
    assert shelf.results == {}


async def test_a_policy_without_a_cache_reads_none() -> None:
    shelf = Shelf()
    await run(shelf, {}, node("a", "read", KEPT, value=1))
    assert not result(await run(shelf, {}, node("a", "read", value=1)), "a").get("cached")


async def test_it_works_for_each_item_of_a_map() -> None:
    shelf = Shelf()
    nodes = [
        node("each", "logic.map", items="{{ input.items }}", max_parallel=1),
        {**node("a", "read", KEPT, value="{{ item }}"), "parent": "each"},
    ]
    events = await run(shelf, {"items": ["x", "y", "x"]}, *nodes, arrows=["start > each", "each.item > a"])
    assert [bool(each.get("cached")) for each in events if each.get("node") == "a"] == [False, False, True]


def test_only_types_that_answer_from_their_params_can_be_kept() -> None:
    kept = {
        each.key
        for each in REAL
        if any(can_keep(each, effects) for effects in (each.effects, each.effects_for({"method": "GET"})))
    }
    assert {"ai.llm", "ai.classify", "http.request"} <= kept
    assert not kept & {
        "time.wait", "time.wait_event", "logic.map", "logic.loop", "logic.join", "logic.subflow", "channel.send",
        "channel.ask", "human.approval", "human.task", "human.takeover", "sequence.step", "trigger.call",
    }  # fmt: skip


def test_a_condition_is_part_of_what_the_answer_depends_on() -> None:
    """`logic.if` renders its conditions itself and passes its input on: both belong to the key."""
    when = {"left": "{{ input.n }}", "op": "gt", "right": "{{ state.least }}"}
    flow = {
        "schema": "flow/1",
        "nodes": [
            {"id": "call", "type": "trigger.call"},
            {
                "id": "if",
                "type": "logic.if",
                "params": {"cases": [{"id": "yes", "when": when}]},
                "policy": KEPT,
            },
        ],
        "edges": [{"id": "e", "source": "call", "target": "if"}],
    }
    from_file = _plan(flow)
    node_ = from_file.by_id["if"]

    def key(given: Any, state: Any) -> str | None:
        scope = {"input": given, "state": state, "nodes": {}, "run": {}}
        request = StepRequest(RUN, node_, "", given, scope, 1, "k", NOW)
        return key_of(from_file, request, node_.params.render(scope))

    same = key({"n": 3}, {"least": 2})
    assert same == key({"n": 3}, {"least": 2})
    assert len({same, key({"n": 3}, {"least": 4}), key({"n": 5}, {"least": 2})}) == 3
    assert key({"n": 3}, {}) is None, "what cannot be rendered is not kept"


def _plan(document: Any) -> Any:
    return compile(codec.parse(document), REAL)
