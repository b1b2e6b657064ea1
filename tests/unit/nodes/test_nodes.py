"""What each node type does, with fakes for the world."""

from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from app.capabilities import Completion, HttpResponse
from app.flows.node_type import ErrorKind, Next, NodeError, Stop, Suspend
from app.nodes.catalog import CATALOG
from tests.unit.nodes.fakes import FakeChannel, FakeContext, FakeHttp, FakeLlm


async def run(key: str, params: dict[str, Any], ctx: FakeContext | None = None) -> Any:
    node = CATALOG.get(key)
    assert node is not None
    return await node.run(node.params.model_validate(params), ctx or FakeContext())


async def refusal(key: str, params: dict[str, Any], ctx: FakeContext | None = None) -> NodeError:
    with pytest.raises(NodeError) as caught:
        await run(key, params, ctx)
    return caught.value


class TestTriggers:
    async def test_a_chat_message_has_its_four_fields(self) -> None:
        result = await run("trigger.chat", {}, FakeContext(input={"message": "Hi", "contact": None}))
        assert result == Next("out", {"message": "Hi", "session_id": "", "contact": {}, "attachments": []})

    async def test_a_chat_keeps_the_flows_own_inputs(self) -> None:
        result = await run("trigger.chat", {}, FakeContext(input={"message": "Hi", "lang": "en"}))
        assert result.output["lang"] == "en"

    @pytest.mark.parametrize("given", [None, {}, {"message": 3}])
    async def test_a_chat_without_a_message_is_refused(self, given: Any) -> None:
        assert (await refusal("trigger.chat", {}, FakeContext(input=given))).code == "chat.no_message"

    async def test_a_call_passes_its_input_on(self) -> None:
        assert (await run("trigger.call", {}, FakeContext(input={"n": 1}))).output == {"n": 1}


class TestLlm:
    ANSWER = Completion("Bonjour", "demo/b", 11, 3, 0.002)

    async def test_the_answer_with_what_it_cost(self) -> None:
        result = await run(
            "ai.llm", {"model": "demo/b", "prompt": "Hello"}, FakeContext(llm=FakeLlm([self.ANSWER]))
        )
        usage = {"prompt_tokens": 11, "completion_tokens": 3, "cost_usd": 0.002}
        assert result.output == {"text": "Bonjour", "json": None, "model": "demo/b", "usage": usage}
        assert result.usage == {"model": "demo/b", **usage}

    async def test_system_messages_and_prompt_in_order(self) -> None:
        llm = FakeLlm([self.ANSWER])
        params = {
            "model": "m",
            "system": "Be kind",
            "messages": [{"role": "assistant", "content": "Hi"}],
            "prompt": "Go",
            "temperature": 0.5,
            "max_tokens": 9,
            "fallbacks": ["n"],
        }
        await run("ai.llm", params, FakeContext(llm=llm))
        asked = llm.asked[0]
        assert [each["role"] for each in asked.messages] == ["system", "assistant", "user"]
        assert (asked.temperature, asked.max_tokens, asked.fallbacks) == (0.5, 9, ("n",))

    async def test_an_empty_prompt_never_reaches_a_model(self) -> None:
        error = await refusal("ai.llm", {"model": "m", "system": "Be kind", "prompt": "  "})
        assert (error.code, error.param) == ("model.empty_prompt", "prompt")

    def test_a_schema_that_is_none_is_refused(self) -> None:
        node = CATALOG.get("ai.llm")
        assert node is not None
        with pytest.raises(ValidationError, match="JSON Schema"):
            node.params.model_validate({"model": "m", "output_schema": {"type": "nonsense"}})

    def test_the_checker_knows_the_fields_of_the_answer(self) -> None:
        node = CATALOG.get("ai.llm")
        assert node is not None
        assert node.output_schema is not None
        schema = {"type": "object", "properties": {"email": {"type": "string"}}}
        assert node.output_schema({"output_schema": schema}, {})["properties"]["json"] == schema
        assert node.output_schema({}, {})["properties"]["json"] == {"type": "null"}


class TestClassify:
    CLASSES = (
        {"id": "refund", "any_of": ["refund", "money back", "возврат"]},
        {"id": "question", "any_of": ["how", "what", "как", "?"]},
    )

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("I want a REFUND", "refund"),
            ("I was never refunded!", "refund"),
            ("give my money back", "refund"),
            ("Оформите возврата, прошу", "refund"),
            ("How do I get a refund?", "refund"),
            ("how are you", "question"),
            ("Как дела", "question"),
            ("really?", "question"),
            ("show me", "no_match"),
            ("whatever", "no_match"),
            ("какао", "no_match"),
            ("", "no_match"),
        ],
    )
    async def test_by_rules(self, text: str, expected: str) -> None:
        result = await run("ai.classify", {"text": text, "method": "rules", "classes": self.CLASSES})
        confidence = 0.0 if expected == "no_match" else 1.0
        assert result == Next(expected, {"class_id": expected, "confidence": confidence})

    async def test_a_class_without_words_is_found_by_its_name(self) -> None:
        classes = [{"id": "price", "name": "Price"}]
        assert (await run("ai.classify", {"text": "the price?", "classes": classes})).port == "price"

    @pytest.mark.parametrize(("sure", "port"), [(0.9, "refund"), (0.4, "no_match")])
    async def test_by_a_model_that_is_sure_enough(self, sure: float, port: str) -> None:
        llm = FakeLlm([Completion("", "m", 5, 2, 0.1, json={"class_id": "refund", "confidence": sure})])
        params = {
            "text": "x", "method": "model", "model": "m", "classes": self.CLASSES, "min_confidence": 0.5,
        }  # fmt: skip
        result = await run("ai.classify", params, FakeContext(llm=llm))
        assert result.port == port == result.output["class_id"]
        assert result.usage["prompt_tokens"] == 5
        assert llm.asked[0].output_schema is not None
        assert llm.asked[0].output_schema["properties"]["class_id"]["enum"] == [
            "refund",
            "question",
            "no_match",
        ]

    @pytest.mark.parametrize("ids", [["a", "a"], ["no_match"]])
    def test_ids_that_clash_are_refused(self, ids: list[str]) -> None:
        node = CATALOG.get("ai.classify")
        assert node is not None
        with pytest.raises(ValidationError):
            node.params.model_validate({"text": "x", "classes": [{"id": each} for each in ids]})


class TestLogic:
    CASES = (
        {"id": "big", "when": {"left": lambda scope: scope["n"], "op": "gt", "right": 10}},
        {"id": "some", "when": {"left": lambda scope: scope["n"], "op": "gt", "right": 0}},
    )

    @pytest.mark.parametrize(("number", "port"), [(11, "big"), (5, "some"), (0, "else")])
    async def test_the_first_case_that_holds(self, number: int, port: str) -> None:
        ctx = FakeContext(input="in", scope={"n": number})
        assert await run("logic.if", {"cases": self.CASES}, ctx) == Next(port, "in")

    async def test_unlike_types_are_an_error_with_a_place(self) -> None:
        error = await refusal("logic.if", {"cases": self.CASES}, FakeContext(scope={"n": "many"}))
        assert (error.kind, error.path) == (ErrorKind.INVALID_INPUT, "cases[0].when")

    async def test_assignments_see_the_ones_before(self) -> None:
        assign = {
            "state.n": {"plus": 2},
            "state.twice": lambda scope: scope["state"]["n"] * 2,
            "state.seen": {"append": "b"},
        }
        ctx = FakeContext(input="in", scope={"state": {"n": 1, "seen": ["a"]}})
        result = await run(
            "logic.set", {"assign": assign, "output": lambda scope: scope["state"]["twice"]}, ctx
        )
        assert result == Next("out", 6, state={"n": 3, "twice": 6, "seen": ["a", "b"]})

    async def test_the_input_goes_on_unless_there_is_an_output(self) -> None:
        assert (await run("logic.set", {}, FakeContext(input="in"))).output == "in"
        assert (await run("logic.set", {"output": None}, FakeContext(input="in"))).output is None

    async def test_counting_and_collecting_start_from_nothing(self) -> None:
        result = await run("logic.set", {"assign": {"state.n": {"plus": 1}, "state.l": {"append": 1}}})
        assert result.state == {"n": 1, "l": [1]}

    @pytest.mark.parametrize(
        ("value", "code"), [({"plus": 1}, "set.not_a_number"), ({"append": 1}, "set.not_a_list")]
    )
    async def test_a_text_is_no_number_and_no_list(self, value: Any, code: str) -> None:
        ctx = FakeContext(scope={"state": {"x": "text"}})
        error = await refusal("logic.set", {"assign": {"state.x": value}}, ctx)
        assert (error.code, error.param) == (code, "assign.state.x")

    @pytest.mark.parametrize("target", ["x", "state.", "state.a.b", "input.x"])
    def test_only_state_is_assigned(self, target: str) -> None:
        node = CATALOG.get("logic.set")
        assert node is not None
        with pytest.raises(ValidationError):
            node.params.model_validate({"assign": {target: 1}})

    async def test_stop_says_how_and_why(self) -> None:
        assert await run("logic.stop", {"outcome": "failed", "message": "no"}) == Stop("failed", "no")

    async def test_a_subflow_waits_for_another_run(self) -> None:
        result = await run("logic.subflow", {"flow": "f1", "version": 3, "input": {"a": 1}})
        assert isinstance(result, Suspend)
        assert result.wait == {
            "kind": "subflow", "flow": "f1", "version": 3, "input": {"a": 1}, "data": {"detach": False},
        }  # fmt: skip


class TestHttp:
    async def test_the_answer_as_json_and_text(self) -> None:
        http = FakeHttp(HttpResponse(200, {"content-type": "application/json"}, '{"a": "ё"}'.encode()))
        params = {"method": "POST", "url": "https://x.org", "json": {"n": 1}, "query": {"q": 2, "none": None}}
        result = await run("http.request", params, FakeContext(http=http))
        assert result.output["json"] == {"a": "ё"}
        assert result.output["status"] == 200
        assert http.sent[0].query == {"q": "2"}
        assert http.sent[0].headers["Idempotency-Key"] == "run:node::1"

    async def test_text_that_is_no_json(self) -> None:
        result = await run("http.request", {"url": "https://x.org"}, FakeContext(http=FakeHttp()))
        assert (result.output["json"], result.output["text"]) == (None, "")

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, ErrorKind.INVALID_INPUT),
            (401, ErrorKind.AUTH),
            (408, ErrorKind.TIMEOUT),
            (429, ErrorKind.RATE_LIMITED),
            (500, ErrorKind.UPSTREAM),
        ],
    )
    async def test_a_bad_status_is_an_error_of_its_kind(self, status: int, kind: ErrorKind) -> None:
        http = FakeHttp(HttpResponse(status, {"retry-after": "3"}, b"no"))
        error = await refusal("http.request", {"url": "https://x.org"}, FakeContext(http=http))
        assert (error.kind, error.code, error.retry_after_s) == (kind, "http.status", 3)
        params = {"url": "https://x.org", "accept_any_status": True}
        assert (await run("http.request", params, FakeContext(http=http))).output["status"] == status

    def test_only_reading_may_be_repeated_freely(self) -> None:
        node = CATALOG.get("http.request")
        assert node is not None
        found = [node.effects_for({"method": method}) for method in ("GET", "PUT", "POST")]
        assert found == ["read", "idempotent", "unsafe"]


class TestChannel:
    async def test_a_message_is_sent_and_recorded(self) -> None:
        result = await run("channel.send", {"text": "Hi", "buttons": ["Yes", {"text": "No", "value": "n"}]})
        assert result.output == {"message_id": "m1", "text": "Hi"}
        assert result.messages[0]["buttons"] == [{"text": "Yes"}, {"text": "No", "value": "n"}]

    async def test_a_draft_sends_nothing(self) -> None:
        ctx = FakeContext()
        result = await run("channel.send", {"text": "Hi", "draft": True}, ctx)
        assert (result.output["message_id"], result.messages, ctx.channel.sent) == (None, (), [])

    async def test_a_refused_message_leaves_by_failed(self) -> None:
        channel = FakeChannel(NodeError(ErrorKind.POLICY, "channel.too_long"))
        result = await run("channel.send", {"text": "Hi"}, FakeContext(channel=channel))
        assert (result.port, result.output["reason"]) == ("failed", "channel.too_long")

    async def test_a_passing_failure_is_left_to_the_retry_policy(self) -> None:
        channel = FakeChannel(NodeError(ErrorKind.UPSTREAM, "channel.away"))
        assert (
            await refusal("channel.send", {"text": "Hi"}, FakeContext(channel=channel))
        ).code == "channel.away"


class TestResult:
    SCHEMA: ClassVar = {"type": "object", "properties": {"n": {"type": "integer"}}}

    async def test_a_result_ends_its_path(self) -> None:
        assert await run("output.result", {"value": {"n": 1}, "schema": self.SCHEMA}) == Next((), {"n": 1})

    async def test_a_result_that_does_not_fit_names_the_place(self) -> None:
        error = await refusal("output.result", {"value": {"n": "one"}, "schema": self.SCHEMA})
        assert (error.code, error.param, error.path) == ("result.does_not_fit", "value", "n")


class TestRules:
    ROWS: ClassVar[list[Any]] = [
        {"when": {"left": 5, "op": "gt", "right": 3}, "outcome": "big", "output": "b"},
        {"when": {"left": 5, "op": "lt", "right": 3}, "outcome": "small", "output": "s"},
        {"when": {"left": 5, "op": "eq", "right": 5}, "outcome": "five", "output": "f"},
    ]

    async def test_the_first_row_that_holds(self) -> None:
        assert await run("logic.rules", {"rows": self.ROWS}) == Next(
            ("big",), {"outcome": "big", "output": "b"}
        )

    async def test_all_rows_that_hold_are_taken(self) -> None:
        result = await run("logic.rules", {"hit": "all", "rows": self.ROWS})
        assert result == Next(("big", "five"), {"outcome": "big", "output": "b"})

    async def test_all_rows_that_hold_are_collected(self) -> None:
        result = await run("logic.rules", {"hit": "collect", "rows": self.ROWS})
        assert [each["output"] for each in result.output] == ["b", "f"]

    async def test_no_row_leaves_by_else(self) -> None:
        result = await run("logic.rules", {"rows": self.ROWS[1:2]})
        assert result == Next(("else",), {"outcome": "else", "output": None})

    def test_rows_of_one_outcome_share_a_port(self) -> None:
        node = CATALOG.get("logic.rules")
        assert node is not None
        assert node.out_ports({"rows": [*self.ROWS, *self.ROWS]}) == ("big", "small", "five", "else")


class TestSplit:
    async def test_the_same_key_always_goes_the_same_way(self) -> None:
        variants = [{"id": "a", "weight": 1}, {"id": "b", "weight": 1}]
        ways = [
            (await run("logic.split_test", {"variants": variants, "sticky_key": f"c{index % 20}"})).port
            for index in range(60)
        ]
        assert ways[:20] == ways[20:40] == ways[40:]
        assert set(ways) == {"a", "b"}

    async def test_the_weights_are_kept(self) -> None:
        variants = [{"id": "a", "weight": 9}, {"id": "b", "weight": 1}, {"id": "never", "weight": 0}]
        ways = [
            (await run("logic.split_test", {"variants": variants, "sticky_key": f"k{index}"})).output[
                "variant"
            ]
            for index in range(2_000)
        ]
        assert 1_700 < ways.count("a") < 1_900
        assert "never" not in ways
