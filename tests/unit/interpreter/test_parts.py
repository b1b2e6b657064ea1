"""A map done in parts is the map done in one run: the same results, places, keys and failures."""

from typing import Any

import pytest

from app.flows.memory import MemoryJournal
from app.flows.plan import Plan
from tests.unit.interpreter.world import RUN, World, node, plan_of, started

ITEMS = [f"item {number}" for number in range(7)]
GIVEN = {"items": ITEMS, "greeting": "hello"}


def mapped(on_error: str = "stop", *, inner: bool = False) -> Plan:
    """A map whose body names everything a body may; with `inner` another map stands in it."""
    text = "{{ nodes.before.greeting }} {{ item }} {{ index }} {{ run.id }}"
    nodes = [
        node("start", "start"),
        node("before", value={"greeting": "{{ input.greeting }}"}),
        node("each", "logic.map", items="{{ trigger.items }}", on_item_error=on_error, max_parallel=2),
        node("said", "read", value=text, parent="each"),
        node("after", value="{{ nodes.each.results }}"),
    ]
    arrows = ["start > before", "before > each", "each.item > said", "each.done > after"]
    if inner:
        nodes += [
            node("letters", "logic.map", items=["a", "b"], parent="each"),
            node("letter", "read", value="{{ outer.item }}{{ item }}", parent="letters"),
        ]
        arrows += ["said > letters", "letters.item > letter"]
    return plan_of(nodes, arrows)


def part_of(first: int, count: int, on_error: str = "stop") -> Any:
    return started(
        given=GIVEN,
        part={
            "container": "each",
            "path": "",
            "first": first,
            "items": ITEMS[first : first + count],
            "parallel": 1,
            "on_error": on_error,
            "outer": {"start": GIVEN, "before": {"greeting": "hello"}},
            "names": {},
        },
    )


async def run(plan: Plan, first_event: Any) -> tuple[Any, dict[str, Any]]:
    """The result, and by its idempotency key what each step of the body was given."""
    journal = MemoryJournal()
    journal.runs[RUN] = [first_event]
    world, keys = World(plan, journal=journal), {}

    async def before(request: Any) -> None:
        if request.path:
            keys[request.idempotency_key] = request.scope["item"]

    world.before = before
    return await world.run(acts_as="the whole"), keys


@pytest.mark.parametrize("inner", [False, True])
async def test_parts_together_are_the_whole(inner: bool) -> None:
    plan = mapped(inner=inner)
    whole, keys = await run(plan, started(given=GIVEN))
    first, some = await run(plan, part_of(0, 3))
    second, others = await run(plan, part_of(3, 4))
    assert {**some, **others} == keys
    assert not set(some) & set(others)
    results = [*first.output["results"], *second.output["results"]]
    assert [index for index, _ in results] == list(range(7))
    journal = MemoryJournal()
    journal.runs[RUN] = [started(given=GIVEN)]
    world = World(plan, journal=journal)
    await world.run(acts_as="the whole")
    after = next(event for event in world.events if event.get("node") == "after")
    assert [value for _, value in results] == after["output"]
    assert (whole.status, first.status, second.status) == ("succeeded", "succeeded", "succeeded")


@pytest.mark.parametrize("on_error", ["stop", "skip", "collect"])
async def test_failed_items_mean_the_same(on_error: str) -> None:
    nodes = [
        node("start", "start"),
        node("each", "logic.map", items="{{ trigger.items }}", on_item_error=on_error),
        node("bad", "read", fail=True, parent="each"),
        node("after"),
    ]
    plan = plan_of(nodes, ["start > each", "each.item > bad", "each.done > after"])
    done, _ = await run(plan, part_of(3, 4, on_error))
    if on_error == "stop":
        assert (done.status, done.error["node"], done.error["place"]) == ("failed", "bad", "each[3]")
        return
    assert done.status == "succeeded"
    assert done.output["results"] == []
    indexes = [error["index"] for error in done.output["errors"]]
    assert indexes == ([] if on_error == "skip" else [3, 4, 5, 6])


async def test_a_part_goes_on_from_any_point_of_its_journal() -> None:
    plan = mapped()
    journal = MemoryJournal()
    journal.runs[RUN] = [part_of(3, 4)]
    world = World(plan, journal=journal)
    done = await world.run()
    for length in range(1, len(world.events)):
        again = MemoryJournal()
        again.runs[RUN] = world.events[:length]
        assert (await World(plan, journal=again).run()).output == done.output
