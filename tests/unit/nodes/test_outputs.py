"""Every node type says what it gives, and gives what it says: real outputs against the schema the checker reads."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.capabilities import Completion, HttpResponse
from app.flows import codec
from app.flows.check.certainty import Certainty
from app.flows.check.graph import Graph
from app.flows.check.schemas import Schemas
from app.flows.node_type import ErrorKind, Next, NodeError
from app.nodes.catalog import CATALOG
from tests.unit.nodes.fakes import FakeChannel, FakeContext, FakeHttp, FakeLlm

JSON = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
WHEN = {"left": 1, "op": "eq", "right": 1}
DUE = {"kind": "due"}
REPLY = {"kind": "event", "source": "reply", "value": {"message": "42"}}
REFUSED = FakeChannel(NodeError(ErrorKind.POLICY, "channel.refused"))


class Channel(FakeChannel):
    async def opted_out(self) -> bool:
        return False

    async def opt_out(self) -> None:
        """Nothing to remember."""


class OptedOut(Channel):
    async def opted_out(self) -> bool:
        return True


def http(body: bytes) -> FakeContext:
    return FakeContext(http=FakeHttp(HttpResponse(200, {"x": "y"}, body)))


def model(text: str, value: Any = None) -> FakeContext:
    return FakeContext(llm=FakeLlm([Completion(text, "m", 1, 2, None, json=value)]))


ASK = {"question": "?"}
# Params, what the world is like, and the signals that end the waits: one after the other.
GIVES: dict[str, list[tuple[dict[str, Any], FakeContext, list[Mapping[str, Any]]]]] = {
    "trigger.chat": [({}, FakeContext(input={"message": "Hi"}), []), ({}, FakeContext(input={"message": "Hi", "session_id": "s", "contact": {"name": "Ann"}, "attachments": ["a"], "more": 1}), [])],
    "trigger.call": [({}, FakeContext(input={"n": 1}), [])],
    "trigger.webhook": [({"path": "x"}, FakeContext(input={"body": {"a": 1}, "headers": {"h": "v"}, "query": {"q": ["1", "2"]}}), []), ({"path": "x"}, FakeContext(input="raw"), [])],
    "trigger.schedule": [({"cron": "0 9 * * *"}, FakeContext(), []), ({"cron": "0 9 * * *"}, FakeContext(input={"due_at": "2026-01-01T00:00:00Z"}), [])],
    "ai.llm": [({"model": "m", "prompt": "p"}, model("Hi"), []), ({"model": "m", "prompt": "p", "output_schema": JSON}, model('{"n": 1}', {"n": 1}), [])],
    "ai.classify": [({"text": "a", "classes": [{"id": "a"}]}, FakeContext(), []), ({"text": "a", "method": "model", "classes": [{"id": "a"}]}, model("", {"class_id": "a", "confidence": 0.5}), [])],
    "logic.if": [({"cases": [{"id": "a", "when": WHEN}]}, FakeContext(input={"n": 1}), [])],
    "logic.rules": [({"rows": [{"when": WHEN, "outcome": "a", "output": {"x": 1}}], "hit": hit}, FakeContext(), []) for hit in ("first", "all", "collect")] + [({"rows": [{"when": {"not": WHEN}, "outcome": "a"}]}, FakeContext(), [])],
    "logic.split_test": [({"variants": [{"id": "a"}]}, FakeContext(), [])],
    "logic.join": [({}, FakeContext(input={"n": 1}, sources=("a",)), [])],
    "logic.loop": [({"while": {"not": WHEN}}, FakeContext(input={"n": 1}), []), ({"while": WHEN, "max_iterations": 1}, FakeContext(input={"n": 1}, rounds=1), [])],
    "logic.set": [({"assign": {"state.x": 1}}, FakeContext(input={"n": 1}), []), ({"output": {"a": [1, None, "x", {"b": True}]}}, FakeContext(), []), ({"output": None}, FakeContext(), [])],
    "logic.subflow": [({"flow": "f"}, FakeContext(), [{"status": "succeeded", "output": {"a": 1}}])],
    "time.wait": [({"for_s": 60}, FakeContext(input={"n": 1}), [DUE]), ({"for_s": 0}, FakeContext(input={"n": 1}), [])],
    "time.wait_event": [({"events": [{"id": "a"}]}, FakeContext(), [DUE]), ({"events": [{"id": "a"}]}, FakeContext(), [REPLY])],
    "human.approval": [(ASK, FakeContext(), [signal]) for signal in (DUE, {"kind": "answer", "decision": "approved", "decided_by": "Ann", "note": None, "form": {"a": 1}}, {"kind": "answer", "decision": "rejected"})],
    "human.task": [({"title": "t"}, FakeContext(), [signal]) for signal in (DUE, {"kind": "answer", "id": "1", "result": [1]})] + [({"title": "t", "wait": False}, FakeContext(), []), ({"title": "t", "agent": "f"}, FakeContext(), [{"kind": "ended", "status": "succeeded", "output": "x"}])],
    "human.takeover": [({}, FakeContext(scope={"conversation": {}}), [signal]) for signal in (DUE, {"kind": "answer", "returned_by": "Ann", "note": None})],
    "http.request": [({"url": "https://a.b"}, http(body), []) for body in (b'{"a": 1}', b"text")],
    "channel.send": [({"text": "Hi"}, FakeContext(), []), ({"text": "Hi", "draft": True}, FakeContext(), []), ({"text": "Hi"}, FakeContext(channel=REFUSED), [])],
    "channel.ask": [(ASK | {"expects": expects, "choices": ["42"], "retries": 0}, FakeContext(channel=Channel()), [signal]) for expects in ("text", "number", "email", "phone", "date", "choice") for signal in (DUE, REPLY, {**REPLY, "value": "12,5"})],
    "sequence.step": [({"text": "Hi"}, FakeContext(channel=Channel()), [DUE]), ({"text": "Hi"}, FakeContext(channel=Channel()), [REPLY]), ({"text": "Hi"}, FakeContext(channel=OptedOut()), [])],
    "output.result": [({"value": {"n": 1}}, FakeContext(), []), ({"value": {"n": 1, "more": "x"}, "schema": JSON}, FakeContext(), [])],
}  # fmt: skip
# A run that stops has no output; what a map gives is put together by the interpreter and held by the laws of types.
NOTHING_OF_THEIR_OWN = {"logic.stop", "logic.map"}


def declared(key: str, params: dict[str, Any]) -> Any:
    """The schema of the node's output, standing behind a trigger whose input is `{"n": 1}`."""
    start = {"id": "t", "type": "trigger.call"}
    nodes = [{"id": "x", "type": key, "params": params}]
    inputs = {"type": "object", "properties": {"n": {"type": "integer"}}}
    edges = [{"id": "e", "source": "t", "target": "x"}]
    trigger = key.startswith("trigger.")
    document = {
        "schema": "flow/1",
        "nodes": nodes if trigger else [start, *nodes],
        "edges": [] if trigger else edges,
    }
    graph = Graph(codec.parse(document | {"inputs": inputs}), CATALOG)
    return Schemas(graph, Certainty(graph), {}).output("x")


async def outcome(
    key: str, params: dict[str, Any], ctx: FakeContext, signals: list[Mapping[str, Any]]
) -> Any:
    node = CATALOG.get(key)
    assert node is not None
    values = node.params.model_validate(params)
    result = await node.run(values, ctx)
    for signal in signals:
        assert node.resume is not None
        ctx.wait, ctx.signal = result.wait, signal
        result = await node.resume(values, ctx)
    assert isinstance(result, Next), result
    return result.output


@pytest.mark.parametrize(
    ("key", "params", "ctx", "signals"),
    [(key, *each) for key, cases in GIVES.items() for each in cases],
    ids=[f"{key}-{index}" for key, cases in GIVES.items() for index in range(len(cases))],
)
async def test_a_node_gives_what_its_type_says(
    key: str, params: dict[str, Any], ctx: FakeContext, signals: list[Mapping[str, Any]]
) -> None:
    schema = declared(key, params)
    output = json.loads(json.dumps(await outcome(key, params, ctx, signals)))
    fault = next(Draft202012Validator(schema).iter_errors(output), None)
    assert fault is None, (output, schema, fault)


@pytest.mark.parametrize("node", list(CATALOG), ids=lambda node: node.key)
def test_every_node_type_says_what_it_gives(node: Any) -> None:
    assert node.output or node.output_schema or node.infer or node.passes_input
    assert (node.key in GIVES) is (node.key not in NOTHING_OF_THEIR_OWN), "a new type needs a case above"
