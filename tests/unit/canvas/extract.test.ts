import { expect, test } from "bun:test";
import { extracted, type Extraction } from "../../../app/components/canvas/extract";
import { invert } from "../../../app/components/canvas/inverses";
import { apply } from "../../../app/components/canvas/reducer";
import { names, rewrite } from "../../../app/components/canvas/scopeNames";
import type { Flow, FlowNode, JsonObject } from "../../../app/components/canvas/types";
import { TYPES } from "./types";

const node = (id: string, type: string, params: JsonObject = {}, parent: string | null = null): FlowNode => ({ id, type, v: 1, params, policy: {}, parent });
const edge = (id: string, source: string, target: string, source_port = "out") => ({ id, source, source_port, target, target_port: "in" });

const FLOW: Flow = {
  schema: "flow/1",
  name: "Support",
  nodes: [
    node("chat", "trigger.chat"),
    node("topic", "ai.llm", { prompt: "Topic of {{ input.message }}" }),
    node("draft", "ai.llm", { prompt: "About {{ nodes.topic.text }}: {{ trigger.message | upcase }} {{ state.tone }} {{ run.id }}" }),
    node("polish", "ai.llm", { prompt: "Polish {{ input.text }} of {{ nodes.draft.usage.cost_usd }}" }),
    node("say", "channel.send", { text: "{{ nodes.polish.text }} {{ input.text }}" }),
  ],
  edges: [edge("e1", "chat", "topic"), edge("e2", "topic", "draft"), edge("e3", "draft", "polish"), edge("e4", "polish", "say")],
  view: { nodes: { chat: { x: 0, y: 0 }, topic: { x: 400, y: 0 }, draft: { x: 800, y: 0 }, polish: { x: 1200, y: 0 }, say: { x: 1600, y: 0 } } },
};

const params = (flow: Flow, id: string) => flow.nodes!.find((each) => each.id === id)!.params!;

function made(flow: Flow, ids: string[]): Extraction {
  const found = extracted(flow, TYPES, ids, "Answer");
  if (typeof found === "string") throw new Error(found);
  return found;
}

test("what crosses the border becomes inputs, and the last output comes back as it is", () => {
  const { flow, op, id } = made(FLOW, ["draft", "polish"]);
  expect(Object.keys(flow.inputs!["properties"] as JsonObject)).toEqual(["topic_text", "message", "tone"]);
  expect(params(flow, "draft")["prompt"]).toBe("About {{ trigger.topic_text }}: {{ trigger.message | upcase }} {{ trigger.tone }} {{ run.id }}");
  expect(params(flow, "polish")["prompt"]).toBe("Polish {{ input.text }} of {{ nodes.draft.usage.cost_usd }}");
  expect(flow.edges!.map((each) => `${each.source}>${each.target}`)).toEqual(["draft>polish", "call>draft", "polish>result"]);
  expect(params(flow, "result")).toEqual({ value: "{{ input }}" });

  const after = apply(FLOW, op("f-1"));
  expect(after.nodes!.map((each) => each.id)).toEqual(["chat", "topic", "say", id]);
  expect(params(after, id)).toEqual({ flow: "f-1", input: { topic_text: "{{ nodes.topic.text }}", message: "{{ trigger.message }}", tone: "{{ state.tone }}" } });
  expect(params(after, "say")["text"]).toBe(`{{ nodes.${id}.text }} {{ input.text }}`);
  expect(after.edges!.map((each) => `${each.source}>${each.target}`)).toEqual(["chat>topic", `topic>${id}`, `${id}>say`]);
  expect(apply(after, invert(FLOW, op("f-1")))).toEqual(FLOW);
});

test("several values that others read come back by name", () => {
  const both: Flow = { ...FLOW, nodes: FLOW.nodes!.map((each) => (each.id === "say" ? { ...each, params: { text: "{{ nodes.draft.text }} {{ nodes.polish.text }} {{ input.text }}" } } : each)) };
  const { flow, op, id } = made(both, ["draft", "polish"]);
  expect(params(flow, "result")).toEqual({ value: { text: "{{ input.text }}", draft_text: "{{ nodes.draft.text }}", polish_text: "{{ nodes.polish.text }}" } });
  expect(params(apply(both, op("f")), "say")["text"]).toBe(`{{ nodes.${id}.draft_text }} {{ nodes.${id}.polish_text }} {{ input.text }}`);
});

test("a first node's input is passed on by what it reads of it", () => {
  const { flow, op, id } = made(FLOW, ["topic"]);
  expect(params(flow, "topic")["prompt"]).toBe("Topic of {{ trigger.message }}");
  const after = apply(FLOW, op("f"));
  expect(params(after, id)["input"]).toEqual({ message: "{{ input.message }}" });
  expect(params(after, "draft")["prompt"]).toContain(`{{ nodes.${id}.text }}`);
});

test("a container goes with its body, and what its body calls item stays inside", () => {
  const flow: Flow = {
    schema: "flow/1",
    nodes: [node("call", "trigger.call"), node("each", "logic.map", { items: "{{ trigger.list }}" }), node("a", "ai.llm", { prompt: "{{ item.name }}" }, "each")],
    edges: [edge("e1", "call", "each"), edge("e2", "each", "a", "item")],
  };
  const { flow: inner, op, id } = made(flow, ["each"]);
  expect(inner.nodes!.find((each) => each.id === "a")!.parent).toBe("each");
  expect(params(inner, "a")["prompt"]).toBe("{{ item.name }}");
  expect(apply(flow, op("f")).nodes!.map((each) => each.id)).toEqual(["call", id]);
  const body = made(flow, ["a"]);
  expect(params(body.flow, "a")["prompt"]).toBe("{{ trigger.item_name }}");
  const after = apply(flow, body.op("f"));
  expect(after.nodes!.find((each) => each.id === body.id)!.parent).toBe("each");
});

test("what cannot be a sub-flow says why", () => {
  expect(extracted(FLOW, TYPES, ["chat"], "x")).toBe("extract.nothing");
  const branching: Flow = {
    ...FLOW,
    nodes: [...FLOW.nodes!, node("sorry", "channel.send"), node("ask", "channel.ask")],
    edges: [...FLOW.edges!.slice(0, 3), edge("e5", "polish", "ask"), edge("e6", "ask", "say", "answered"), edge("e7", "ask", "sorry", "timeout")],
  };
  expect(extracted(branching, TYPES, ["ask"], "x")).toBe("extract.ways");
  const setting: Flow = { ...FLOW, nodes: [...FLOW.nodes!, node("set", "logic.set", { assign: { "state.tone": "kind" } })] };
  expect(extracted(setting, TYPES, ["set"], "x")).toBe("extract.state");
});

test("names in templates are found, and text, fields and loop variables are left alone", () => {
  const text = "input.x {{ input.items[0].name | default: 'input.y' }} {% for item in nodes.a.list %}{{ item.name }} {{ my.input }}{% endfor %} {{ index }}";
  expect(names(text).map(({ path }) => path)).toEqual(["input.items", "nodes.a.list", "index"]);
  expect(rewrite({ deep: ["{{ input.a }}"] }, ({ path }) => `trigger.${path.split(".")[1]}`)).toEqual({ deep: ["{{ trigger.a }}"] });
});
