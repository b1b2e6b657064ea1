import { describe, expect, test } from "bun:test";
import { aligned, distributed } from "../../../app/components/canvas/align";
import { fragment, paste } from "../../../app/components/canvas/edits";
import { encloses, FRAME, framed, guessedSize, type Rect } from "../../../app/components/canvas/frames";
import { linesOf, snap } from "../../../app/components/canvas/snapping";
import { invert } from "../../../app/components/canvas/inverses";
import { arranged } from "../../../app/components/canvas/layout";
import { apply } from "../../../app/components/canvas/reducer";
import { replaced } from "../../../app/components/canvas/replace";
import { dropped, insertOnEdge, putOnEdge, setEnabled } from "../../../app/components/canvas/structure";
import type { Flow, FlowNode, Op } from "../../../app/components/canvas/types";
import { TYPES } from "./types";

const node = (id: string, type: string, parent: string | null = null, params = {}): FlowNode => ({ id, type, v: 1, params, policy: {}, parent });

// "a>b" or "a.port>b", one after another.
function drawn(nodes: FlowNode[], arrows: string): Flow {
  const edges = arrows.split(" ").filter(Boolean).map((arrow, index) => {
    const [start = "", target = ""] = arrow.split(">");
    const [source = "", source_port = "out"] = start.split(".");
    return { id: `e${index + 1}`, source, source_port, target, target_port: "in" };
  });
  const places = Object.fromEntries(nodes.map(({ id }, index) => [id, { x: index * 400, y: 0 }]));
  return { schema: "flow/1", nodes, edges, view: { nodes: places } };
}

const arrows = (flow: Flow) => (flow.edges ?? []).map((edge) => `${edge.source}${edge.source_port === "out" ? "" : `.${edge.source_port}`}>${edge.target}`).sort();
const parentOf = (flow: Flow, id: string) => flow.nodes!.find((each) => each.id === id)!.parent;

function done(flow: Flow, op: Op | null): Flow {
  expect(op).not.toBeNull();
  const after = apply(flow, op!);
  expect(apply(after, invert(flow, op!))).toEqual(flow);
  return after;
}

const LINE = drawn([node("start", "trigger.call"), node("a", "ai.llm"), node("b", "ai.llm"), node("each", "logic.map")], "start>a a>b b>each");

describe("dropping", () => {
  test("into an empty frame begins its body, and what was around is joined", () => {
    const put = dropped(LINE, TYPES, [{ id: "a", by: { x: 800, y: 200 } }], "each");
    const after = done(LINE, put.op);
    expect(put.cut).toBe(2);
    expect(parentOf(after, "a")).toBe("each");
    expect(arrows(after)).toEqual(["b>each", "each.item>a", "start>b"]);
    expect(after.view!.nodes!["a"]).toEqual({ x: 1200, y: 200 });
  });

  test("out of a frame cuts it from the body and joins the body again", () => {
    const flow = drawn([node("start", "trigger.call"), node("each", "logic.map"), node("a", "ai.llm", "each"), node("b", "ai.llm", "each")], "start>each each.item>a a>b");
    const after = done(flow, dropped(flow, TYPES, [{ id: "a", by: { x: 0, y: 500 } }], null).op);
    expect(arrows(after)).toEqual(["each.item>b", "start>each"]);
    expect(parentOf(after, "a")).toBeNull();
  });

  test("a frame takes along what is inside", () => {
    const flow = drawn([node("outer", "logic.map"), node("inner", "logic.loop", "outer"), node("a", "ai.llm", "inner")], "");
    const after = done(flow, dropped(flow, TYPES, [{ id: "outer", by: { x: 20, y: 40 } }], null).op);
    expect(after.view!.nodes).toEqual({ outer: { x: 20, y: 40 }, inner: { x: 420, y: 40 }, a: { x: 820, y: 40 } });
    expect([parentOf(after, "inner"), parentOf(after, "a")]).toEqual(["outer", "inner"]);
  });

  test("a trigger stays outside of every frame", () => {
    expect(parentOf(apply(LINE, dropped(LINE, TYPES, [{ id: "start", by: { x: 1300, y: 0 } }], "each").op!), "start")).toBeNull();
  });
});

describe("on an edge", () => {
  test("a new node stands between, its followers make room, and it goes on by its main port", () => {
    const made = insertOnEdge(LINE, TYPES, "e2", TYPES.get("channel.ask")!)!;
    const after = done(LINE, made.op);
    expect(arrows(after)).toEqual(["a>ask", "ask.answered>b", "b>each", "start>a"]);
    const places = after.view!.nodes!;
    expect(places["b"]!.x).toBeGreaterThanOrEqual(places[made.id]!.x + 248);
    expect(places["each"]!.x - places["b"]!.x).toBe(400);
    expect(places["a"]).toEqual({ x: 400, y: 0 });
  });

  test("of a body it joins the body", () => {
    const flow = drawn([node("each", "logic.map"), node("a", "ai.llm", "each")], "each.item>a");
    const made = insertOnEdge(flow, TYPES, "e1", TYPES.get("logic.set")!)!;
    const after = done(flow, made.op);
    expect(parentOf(after, made.id)).toBe("each");
    expect(arrows(after)).toEqual(["each.item>set", "set>a"]);
  });

  test("a lone node is put on it, one with connections is not", () => {
    const flow = { ...LINE, nodes: [...LINE.nodes!, node("lone", "ai.llm")] };
    expect(arrows(done(flow, putOnEdge(flow, TYPES, "e1", { id: "lone", by: { x: 0, y: 0 } })))).toContain("start>lone");
    expect(putOnEdge(flow, TYPES, "e1", { id: "b", by: { x: 0, y: 0 } })).toBeNull();
  });
});

describe("replacing", () => {
  test("keeps name, place, shared params and edges that have a port", () => {
    const flow = drawn([node("start", "trigger.call"), node("say", "channel.send", null, { text: "Hi" }), node("a", "ai.llm"), node("b", "ai.llm")], "start>say say>a say.failed>b");
    const made = replaced(flow, TYPES, "say", TYPES.get("ai.llm")!)!;
    const after = done(flow, made.op);
    expect(arrows(after)).toEqual(["say>a", "start>say"]);
    expect(made.lost).toBe(1);
    expect(after.view!.nodes!["say"]).toEqual({ x: 400, y: 0 });
    expect(after.nodes![1]).toMatchObject({ id: "say", type: "ai.llm", params: { model: "demo", prompt: "" } });
  });

  test("a map by a loop keeps the body; by anything else the body stands outside", () => {
    const flow = drawn([node("each", "logic.map"), node("a", "ai.llm", "each"), node("b", "ai.llm")], "each.item>a each.done>b");
    const loop = done(flow, replaced(flow, TYPES, "each", TYPES.get("logic.loop")!)!.op);
    expect(arrows(loop)).toEqual(["each.body>a", "each.done>b"]);
    expect(parentOf(loop, "a")).toBe("each");
    const plain = done(flow, replaced(flow, TYPES, "each", TYPES.get("ai.llm")!)!.op);
    expect(arrows(plain)).toEqual(["each>b"]);
    expect(parentOf(plain, "a")).toBeNull();
  });
});

test("a frame is copied with its body, and a copy of its body stays in it", () => {
  const flow = drawn([node("a", "ai.llm", "each"), node("each", "logic.map")], "each.item>a");
  const whole = paste(flow, fragment(flow, ["each"]), { x: 0, y: 600 }, true)!;
  const after = done(flow, whole.op);
  expect(parentOf(after, "llm" in after ? "llm" : "a_2")).toBe("each_2");
  const inner = paste(flow, fragment(flow, ["a"]), { x: 0, y: 600 }, true)!;
  expect(parentOf(done(flow, inner.op), "a_2")).toBe("each");
});

test("switching off and on is one edit of what is not so already", () => {
  const off = apply(LINE, setEnabled(LINE, ["a", "b"], false)!);
  expect(off.nodes!.filter((each) => each.enabled === false).map((each) => each.id)).toEqual(["a", "b"]);
  expect(setEnabled(off, ["a", "b"], false)).toBeNull();
});

const rect = (x: number, y: number, width = 248, height = 84): Rect => ({ x, y, width, height });

test("lining up and spacing out", () => {
  const boxes = [{ id: "a", rect: rect(0, 0) }, { id: "b", rect: rect(300, 50, 248, 184) }, { id: "c", rect: rect(1000, 90) }];
  expect(aligned(boxes, "middle").map(({ by }) => by.y)).toEqual([75, -25, -15]);
  expect(aligned(boxes, "right").map(({ by }) => by.x)).toEqual([1000, 700, 0]);
  expect(distributed(boxes, "across").map(({ by }) => by.x)).toEqual([0, 200, 0]);
});

test("a box snaps to the nearest edge or middle within reach", () => {
  const lines = linesOf([rect(0, 0), rect(400, 300, 248, 184)]);
  expect(snap(lines, rect(404, 1), 6)).toEqual({ by: { x: -4, y: -1 }, guides: [{ axis: "x", at: 400, from: 0, to: 484 }, { axis: "y", at: 0, from: 0, to: 648 }] });
  expect(snap(lines, rect(420, 150), 6).guides).toEqual([]);
});

// A small generator with a seed: every run tests the same flows.
function randomly(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
}

function randomFlow(seed: number): Flow {
  const random = randomly(seed);
  const nodes: FlowNode[] = [];
  const containers: (string | null)[] = [null];
  for (let index = 0; index < 14; index += 1) {
    const parent = containers[Math.floor(random() * containers.length)]!;
    const kind = random() < 0.3 ? "logic.map" : "ai.llm";
    nodes.push(node(`n${index}`, kind, parent));
    if (kind === "logic.map") containers.push(`n${index}`);
  }
  const flow = drawn(nodes, "");
  for (const { id } of nodes) flow.view!.nodes![id] = { x: Math.floor(random() * 1_500), y: Math.floor(random() * 900) };
  const links = nodes.flatMap((each, index) => {
    const later = nodes.slice(index + 1).filter((other) => other.parent === each.parent);
    const next = later[Math.floor(random() * later.length)];
    return next === undefined ? [] : [{ id: `e${index}`, source: each.id, source_port: each.type === "logic.map" ? "done" : "out", target: next.id, target_port: "in" }];
  });
  return { ...flow, edges: links };
}

const boxOf = (flow: Flow, framing: ReturnType<typeof framed>, id: string): Rect =>
  framing.rects.get(id) ?? { ...flow.view!.nodes![id]!, ...guessedSize(flow.nodes!.find((each) => each.id === id)!) };

test("a frame encloses its body, wherever a file puts it", () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const flow = randomFlow(seed);
    const framing = framed(flow, TYPES);
    for (const each of flow.nodes!) if (each.parent) expect(encloses(framing.rects.get(each.parent)!, boxOf(flow, framing, each.id))).toBe(true);
  }
});

test("laid out, nodes of one level do not overlap, and frames hold their bodies with room for the head", () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const flow = randomFlow(seed);
    const sizeOf = (each: FlowNode) => (each.type === "logic.map" ? { width: FRAME.width, height: FRAME.head + FRAME.body } : guessedSize(each));
    const tidy: Flow = { ...flow, view: { nodes: Object.fromEntries(arranged(flow, { sizeOf })) } };
    const framing = framed(tidy, TYPES);
    for (const one of tidy.nodes!) {
      const box = boxOf(tidy, framing, one.id);
      if (one.parent) expect(box.y).toBeGreaterThanOrEqual(framing.rects.get(one.parent)!.y + FRAME.head);
      for (const other of tidy.nodes!) {
        if (one.id >= other.id || one.parent !== other.parent) continue;
        const its = boxOf(tidy, framing, other.id);
        const apart = box.x + box.width <= its.x || its.x + its.width <= box.x || box.y + box.height <= its.y || its.y + its.height <= box.y;
        expect(apart, `${one.id} and ${other.id} of flow ${seed}`).toBe(true);
      }
    }
  }
});

test("any drop of anything leaves no edge across a border that was not there, and undoes to the same", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const flow = randomFlow(seed);
    const random = randomly(seed + 1_000);
    const moved = flow.nodes![Math.floor(random() * flow.nodes!.length)]!;
    const frames = [null, ...flow.nodes!.filter((each) => each.type === "logic.map").map((each) => each.id)];
    const into = frames[Math.floor(random() * frames.length)]!;
    const { op } = dropped(flow, TYPES, [{ id: moved.id, by: { x: 40, y: 0 } }], into);
    if (op === null) continue;
    let after: Flow;
    try {
      after = apply(flow, op);
    } catch {
      continue; // into itself: the hand cannot do that
    }
    expect(apply(after, invert(flow, op))).toEqual(flow);
    for (const edge of after.edges!) {
      const source = after.nodes!.find((each) => each.id === edge.source)!;
      const level = edge.source_port === "item" ? source.id : (source.parent ?? null);
      expect(parentOf(after, edge.target) ?? null).toBe(level);
    }
  }
});
