"""Driving: joins and skips, errors and policies, retries, waits, cancellation, durable points."""

import asyncio
from typing import Any

import pytest

from app.flows.drive import Fenced, StepRequest
from app.flows.node_type import ErrorKind, NodeError
from tests.unit.interpreter.world import NOW, RUN, World, done, node, plan_of

START = node("start", "start")


def fails(*names: str, kind: ErrorKind = ErrorKind.UPSTREAM, times: int = 99, **more: Any) -> Any:
    left = dict.fromkeys(names, times)

    async def before(request: StepRequest) -> None:
        if left.get(request.node.id, 0) > 0:
            left[request.node.id] -= 1
            raise NodeError(kind, "test.broken", **more)

    return before


class TestGraph:
    async def test_one_taken_edge_brings_its_value_and_several_an_object_in_file_order(self) -> None:
        nodes = [
            START,
            node("b", value="B"),
            node("a", value="A"),
            node("join"),
            node("end", "output.result"),
        ]
        arrows = ["start > a", "start > b", "a > join", "b > join", "join > end"]
        result = await World(plan_of(nodes, arrows)).run()
        assert result.output == {"b": "B", "a": "A"}
        assert list(result.output) == ["b", "a"]

    async def test_a_join_waits_only_for_those_still_coming(self) -> None:
        nodes = [START, node("a", leave=["other"]), node("b", value=2), node("end", "output.result")]
        world = World(plan_of(nodes, ["start > a", "start > b", "a > end", "b > end"]))
        assert (await world.run()).output == 2

    async def test_skips_propagate_and_are_told(self) -> None:
        nodes = [START, node("a", leave=["other"]), node("b"), node("c")]
        world = World(plan_of(nodes, ["start > a", "a > b", "b > c"]))
        assert (await world.run()).status == "succeeded"
        assert [each["node"] for each in world.sink.events if each["type"] == "step.skipped"] == ["b", "c"]

    async def test_several_results_are_keyed_by_node_and_none_is_null(self) -> None:
        ends = [node("x", "output.result", value=1), node("y", "output.result", value=2)]
        assert (await World(plan_of([START, *ends], ["start > x", "start > y"])).run()).output == {
            "x": 1,
            "y": 2,
        }
        assert (await World(plan_of([START], [])).run()).output is None

    async def test_what_another_trigger_alone_reaches_is_skipped(self) -> None:
        nodes = [START, node("chat", "start"), node("a"), node("both", "output.result")]
        world = World(plan_of(nodes, ["start > both", "chat > a", "a > both"]))
        assert (await world.run()).output == {"n": 1}
        assert world.performed == ["start", "both"]

    async def test_a_missing_value_names_node_param_and_path(self) -> None:
        nodes = [START, node("a", value={"x": "{{ nodes.start.gone.deep }}"})]
        error: Any = (await World(plan_of(nodes, ["start > a"])).run()).error
        assert (error["code"], error["kind"]) == ("template.missing", "invalid_input")
        assert (error["node"], error["param"], error["path"]) == ("a", "value.x", "nodes.start.gone.deep")

    async def test_a_single_path_keeps_its_type(self) -> None:
        nodes = [
            START,
            node("end", "output.result", value=["{{ input.n }}", "n={{ trigger.n }} {{ run.id }}"]),
        ]
        assert (await World(plan_of(nodes, ["start > end"])).run()).output == [1, "n=1 run"]


class TestErrors:
    @pytest.mark.parametrize(
        ("policy", "output"),
        [({"on_error": "default", "default": "D"}, "D"), ({"on_error": "port"}, "upstream")],
    )
    async def test_a_policy_turns_a_failure_into_a_value(self, policy: Any, output: Any) -> None:
        port = "a.error" if policy["on_error"] == "port" else "a"
        value = "{{ input.kind }}" if port == "a.error" else "{{ input }}"
        nodes = [START, node("a", "read", policy), node("end", "output.result", value=value)]
        world = World(plan_of(nodes, ["start > a", f"{port} > end"]))
        world.before = fails("a")
        assert (await world.run()).output == output
        assert world.events[2]["error"]["code"] == "test.broken"

    async def test_the_error_port_says_in_a_sentence_what_happened(self) -> None:
        nodes = [
            START,
            node("a", "read", {"on_error": "port"}),
            node("end", "output.result", value="{{ input.message }}"),
        ]
        world = World(plan_of(nodes, ["start > a", "a.error > end"]))

        async def before(request: StepRequest) -> None:
            if request.node.id == "a":
                raise NodeError(ErrorKind.TIMEOUT, "http.timeout", host="example.com")

        world.before = before
        said = (await world.run()).output
        assert said == "example.com did not answer in time. Try again or add a retry."

    async def test_a_failure_ends_the_run_and_cancels_siblings(self) -> None:
        cancelled = []

        async def before(request: StepRequest) -> None:
            if request.node.id == "a":
                raise NodeError(ErrorKind.AUTH, "test.broken", param="value")
            if request.node.id == "b":
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    cancelled.append("b")
                    raise

        world = World(plan_of([START, node("a", "read"), node("b", "read")], ["start > a", "start > b"]))
        world.before = before
        result: Any = await world.run()
        assert (result.status, result.error["node"], result.error["param"]) == ("failed", "a", "value")
        assert cancelled == ["b"]
        assert world.kinds[-1] == "run.failed"

    async def test_an_unexpected_exception_is_a_bug_without_its_words(self) -> None:
        async def before(request: StepRequest) -> None:
            raise KeyError("secret")

        world = World(plan_of([START], []))
        world.before = before
        error: Any = (await world.run()).error
        assert (error["kind"], error["code"]) == ("bug", "step.bug")
        assert "secret" not in str(world.events)

    async def test_a_port_that_does_not_exist_is_a_bug(self) -> None:
        world = World(plan_of([START, node("a", leave=["nowhere"])], ["start > a"]))
        assert (await world.run()).error["code"] == "step.unknown_port"  # type: ignore[index]

    async def test_a_step_has_its_time(self) -> None:
        async def before(request: StepRequest) -> None:
            if request.node.id == "a":
                await asyncio.sleep(30)

        world = World(plan_of([START, node("a", "read", {"timeout_s": 0.01})], ["start > a"]))
        world.before = before
        assert (await world.run()).error["kind"] == "timeout"  # type: ignore[index]


class TestRetries:
    @pytest.mark.parametrize(
        ("node_type", "kind", "attempts"),
        [
            ("read", ErrorKind.UPSTREAM, 3),
            ("read", ErrorKind.AUTH, 1),
            ("unsafe", ErrorKind.TIMEOUT, 1),
            ("unsafe", ErrorKind.RATE_LIMITED, 3),
        ],
    )
    async def test_only_what_may_be_repeated_is(self, node_type: str, kind: ErrorKind, attempts: int) -> None:
        world = World(plan_of([START, node("a", node_type, {"retry": {"max": 2}})], ["start > a"]))
        world.before = fails("a", kind=kind)
        assert (await world.run()).error["attempts"] == attempts  # type: ignore[index]
        assert world.performed.count("a") == attempts

    async def test_pauses_grow_and_respect_the_providers_wish(self) -> None:
        policy = {"retry": {"max": 3, "backoff_s": 2}}
        world = World(plan_of([START, node("a", "read", policy)], ["start > a"]))
        world.before = fails("a", times=3, retry_after_s=3.0)
        assert (await world.run()).status == "succeeded"
        assert world.slept == [3.0, 4.0, 8.0]
        assert world.events[2]["attempts"] == 4


class TestNotPerformed:
    async def test_a_disabled_node_passes_its_input_on(self) -> None:
        nodes = [START, {**node("a", "unsafe", value=5), "enabled": False}, node("end", "output.result")]
        world = World(plan_of(nodes, ["start > a", "a > end"]))
        assert (await world.run()).output == {"n": 1}
        assert "a" not in world.performed

    async def test_a_mocked_node_answers_its_mock(self) -> None:
        nodes = [START, node("a", "unsafe", {"mock": {"m": 1}}), node("end", "output.result")]
        world = World(plan_of(nodes, ["start > a", "a > end"]))
        assert (await world.run()).output == {"m": 1}
        assert "a" not in world.performed


class TestEnds:
    async def test_a_run_waits_and_goes_on(self) -> None:
        world = World(
            plan_of([START, node("a", wait=True), node("end", "output.result")], ["start > a", "a > end"])
        )
        assert (await world.run()).status == "waiting"
        assert world.sink.events[-1]["type"] == "run.waiting"
        world.events.append(done("a", output="yes"))
        assert (await world.run()).output == "yes"
        assert world.performed.count("a") == 1

    async def test_cancelling_stops_running_steps_at_once(self) -> None:
        cancel = asyncio.Event()

        async def before(request: StepRequest) -> None:
            if request.node.id == "a":
                cancel.set()
                await asyncio.sleep(30)

        world = World(plan_of([START, node("a", "read")], ["start > a"]))
        world.before = before
        async with asyncio.timeout(2):
            assert (await world.run(cancel=cancel)).status == "cancelled"
        assert world.kinds[-2:] == ["run.stopped", "run.cancelled"]

    async def test_a_run_has_its_time(self) -> None:
        async def before(request: StepRequest) -> None:
            await asyncio.sleep(0)

        world = World(plan_of([START, node("a", "read")], ["start > a"]))
        world.before = before
        world.events[0]["at"] = NOW.replace(hour=11).isoformat()
        result: Any = await world.run(timeout_s=60)
        assert (result.status, result.error["code"]) == ("failed", "run.timeout")

    async def test_models_are_not_called_once_the_budget_is_spent(self) -> None:
        plan = plan_of(
            [START, node("a", wait=True), node("m", "model")],
            ["start > a", "a > m"],
            settings={"budget_usd": 1},
        )
        world = World(plan)
        await world.run()
        world.events.append(done("a", usage={"prompt_tokens": 1, "completion_tokens": 1, "cost_usd": 1.5}))
        result: Any = await world.run()
        assert (result.error["kind"], result.error["node"]) == ("budget", "m")
        assert "m" not in world.performed

    async def test_an_ended_run_is_left_as_it_is(self) -> None:
        world = World(plan_of([START, node("end", "output.result")], ["start > end"]))
        first = await world.run()
        length = len(world.events)
        assert await world.run() == first
        assert len(world.events) == length


class TestBills:
    """What model calls cost is counted for every attempt, whatever came of it."""

    def _paying(self, fails_at_first: int, kind: ErrorKind = ErrorKind.UPSTREAM) -> Any:
        async def before(request: StepRequest) -> None:
            if request.node.id == "m":
                request.bill.add("big", 10, 5, 0.25)
                if request.attempt <= fails_at_first:
                    raise NodeError(kind, "test.broken")

        return before

    async def test_an_attempt_that_failed_is_paid_too(self) -> None:
        world = World(plan_of([START, node("m", "model", {"retry": {"max": 2}})], ["start > m"]))
        world.before = self._paying(2)
        result = await world.run()
        assert (result.status, result.usage) == (
            "succeeded", {"prompt_tokens": 30, "completion_tokens": 15, "cost_usd": 0.75}
        )  # fmt: skip
        assert world.events[2]["usage"]["calls"] == 3

    @pytest.mark.parametrize("on_error", ["fail", "default"])
    async def test_a_step_that_failed_has_its_cost(self, on_error: str) -> None:
        world = World(plan_of([START, node("m", "model", {"on_error": on_error})], ["start > m"]))
        world.before = self._paying(9)
        assert (await world.run()).usage["cost_usd"] == 0.25

    async def test_the_cost_of_an_item_that_is_left_out_counts(self) -> None:
        nodes = [
            START,
            node("each", "logic.map", items=[1, 2], on_item_error="skip"),
            node("m", "model", parent="each"),
        ]
        world = World(plan_of(nodes, ["start > each", "each.item > m"]))
        world.before = self._paying(9)
        assert (await world.run()).usage["cost_usd"] == 0.5


class TestDurability:
    async def test_steps_without_effects_ride_with_one_append(self) -> None:
        names = [f"s{number}" for number in range(200)]
        nodes = [START, *(node(name, value="{{ trigger.n }}") for name in names)]
        arrows = [f"{left} > {right}" for left, right in zip(["start", *names], names, strict=False)]
        world = World(plan_of(nodes, arrows))
        assert (await world.run()).status == "succeeded"
        assert (world.journal.appends, len(world.events)) == (1, 203)

    async def test_an_unsafe_step_is_announced_before_it_acts(self) -> None:
        seen: list[str] = []

        async def before(request: StepRequest) -> None:
            if request.node.id == "a":
                seen.extend(world.kinds)

        world = World(plan_of([START, node("a", "unsafe")], ["start > a"]))
        world.before = before
        await world.run()
        assert seen == ["run.started", "step.succeeded start", "step.sent a"]

    async def test_a_result_is_stored_before_what_follows_starts(self) -> None:
        seen: list[str] = []

        async def before(request: StepRequest) -> None:
            if request.node.id == "b":
                seen.extend(world.kinds)

        world = World(plan_of([START, node("a", "read"), node("b", "read")], ["start > a", "a > b"]))
        world.before = before
        await world.run()
        assert "step.succeeded a" in seen

    async def test_a_second_driver_loses_and_changes_nothing(self) -> None:
        world = World(plan_of([START, node("a", "read")], ["start > a"]))

        async def before(request: StepRequest) -> None:
            if request.node.id == "a":
                await world.journal.append(RUN, len(world.events), [done("start")])

        world.before = before
        with pytest.raises(Fenced):
            await world.run()
        assert len(world.events) == 2

    async def test_never_more_at_once_than_allowed(self) -> None:
        running, most = 0, 0

        async def before(request: StepRequest) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            running -= 1

        names = [f"r{number}" for number in range(9)]
        nodes = [START, *(node(name, "read") for name in names)]
        world = World(plan_of(nodes, [f"start > {name}" for name in names]))
        world.before = before
        await world.run(max_parallel=3)
        assert most == 3
