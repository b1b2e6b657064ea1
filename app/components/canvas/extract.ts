// A selection made a flow of its own: what it reads from outside becomes the flow's inputs, what others read of it its
// result, and one step calls it. Pure; it gives the new flow and the operation, or the key of a sentence why not.

import { batch, freshEdgeIds, idFor } from "./edits";
import { framesAround, inside, type Types } from "./frames";
import { placesOf } from "./layout";
import { names, rewrite, type Reference } from "./scopeNames";
import type { Flow, FlowEdge, FlowNode, JsonObject, NodeType, Op, Position } from "./types";

export interface Extraction {
  flow: Flow;
  // The step that calls it; `flowId` is known once the flow is stored.
  op: (flowId: string) => Op;
  id: string;
}

interface Parts {
  flow: Flow;
  chosen: ReadonlySet<string>;
  nodes: FlowNode[];
  into: FlowEdge[];
  out: FlowEdge[];
  between: FlowEdge[];
  parent: string | null;
}

function partsOf(flow: Flow, types: Types, ids: readonly string[]): Parts | string {
  const all = new Map((flow.nodes ?? []).map((node) => [node.id, node]));
  const plain = ids.filter((id) => !(types.get(all.get(id)?.type ?? "")?.trigger ?? false));
  const chosen = new Set(plain.flatMap((id) => [id, ...inside(flow, id)]));
  const nodes = (flow.nodes ?? []).filter((node) => chosen.has(node.id));
  if (nodes.length === 0) return "extract.nothing";
  const around = framesAround(flow, types);
  const levels = new Set(nodes.filter((node) => !chosen.has(node.parent ?? "")).map((node) => around(node.id)));
  if (levels.size !== 1) return "extract.levels";
  if (nodes.some((node) => node.type === "logic.set" && Object.keys((node.params?.["assign"] as JsonObject | undefined) ?? {}).length > 0)) return "extract.state";
  const edges = flow.edges ?? [];
  const into = edges.filter((edge) => !chosen.has(edge.source) && chosen.has(edge.target));
  const out = edges.filter((edge) => chosen.has(edge.source) && !chosen.has(edge.target));
  const between = edges.filter((edge) => chosen.has(edge.source) && chosen.has(edge.target));
  const ways = new Set(out.map((edge) => `${edge.source}.${edge.source_port ?? "out"}`));
  if (ways.size > 1 && new Set(out.map((edge) => edge.target)).size > 1) return "extract.ways";
  return { flow, chosen, nodes, into, out, between, parent: [...levels][0] ?? null };
}

// A name for each thing that is passed: nodes.topic.class_id → topic_class_id, input.message → message.
class Named {
  readonly values = new Map<string, string>();
  private readonly taken = new Set<string>();

  nameOf(reference: Reference): string {
    const known = this.values.get(reference.path);
    if (known !== undefined) return known;
    const words = reference.path.split(".").filter((word, index) => index > 0 || !["nodes", "input", "trigger", "state"].includes(word));
    const stem = words.join("_").replace(/[^a-z0-9_]/gi, "_") || reference.root;
    let name = stem;
    for (let number = 2; this.taken.has(name); number += 1) name = `${stem}_${number}`;
    this.taken.add(name);
    this.values.set(reference.path, name);
    return name;
  }
}

// Whether what a reference names lies outside of the selection.
function comesFromOutside(reference: Reference, node: FlowNode, { chosen, into, between }: Parts): boolean {
  if (reference.root === "nodes") return !chosen.has(reference.path.split(".")[1] ?? "");
  if (reference.root === "input") return !between.some((edge) => edge.target === node.id) || into.some((edge) => edge.target === node.id);
  if (["item", "index", "outer", "iteration"].includes(reference.root)) return node.parent == null || !chosen.has(node.parent);
  return reference.root !== "run";
}

function body(parts: Parts, inputs: Named): FlowNode[] {
  return parts.nodes.map((node) => {
    const params = rewrite(node.params ?? {}, (reference) => (comesFromOutside(reference, node, parts) ? `trigger.${inputs.nameOf(reference)}` : null));
    const kept = node.parent != null && parts.chosen.has(node.parent);
    return { ...node, params, parent: kept ? node.parent! : null };
  });
}

interface Result {
  value: JsonObject | string;
  // How what others read of the selection is called now; null leaves it.
  renamed: (reference: Reference, node: FlowNode) => string | null;
}

// What the flow gives back. Where only its last node is read, that node's output as it is; else a value by name.
function resultOf(parts: Parts, types: Types, caller: string): Result {
  const { flow, chosen, out } = parts;
  const exits = new Set(out.map((edge) => edge.source));
  const [exit] = exits.size === 1 ? exits : [];
  const targets = new Set(out.map((edge) => edge.target));
  const read: Reference[] = [];
  for (const node of flow.nodes ?? []) {
    if (chosen.has(node.id)) continue;
    for (const reference of names(node.params ?? {})) if (reference.root === "nodes" && chosen.has(reference.path.split(".")[1] ?? "")) read.push(reference);
  }
  const whole = (reference: Reference) => `nodes.${caller}${reference.path.slice(`nodes.${exit ?? ""}`.length)}`;
  const passes = types.get((flow.nodes ?? []).find((node) => node.id === exit)?.type ?? "")?.passes_input === true;
  const mine = (reference: Reference) => reference.root === "nodes" && chosen.has(reference.path.split(".")[1] ?? "");
  if (read.every((reference) => reference.path.split(".")[1] === exit) && !passes) {
    return { value: exit === undefined ? {} : "{{ input }}", renamed: (reference) => (mine(reference) ? whole(reference) : null) };
  }
  const outputs = new Named();
  for (const node of flow.nodes ?? []) {
    if (!targets.has(node.id)) continue;
    for (const reference of names(node.params ?? {})) if (reference.root === "input") outputs.nameOf(reference);
  }
  for (const reference of read) outputs.nameOf(reference);
  const value = Object.fromEntries([...outputs.values].map(([path, name]) => [name, `{{ ${path} }}`]));
  return {
    value,
    renamed: (reference, node) => {
      if (mine(reference)) return `nodes.${caller}.${outputs.nameOf(reference)}`;
      return reference.root === "input" && targets.has(node.id) ? `input.${outputs.nameOf(reference)}` : null;
    },
  };
}

function calledFlow(parts: Parts, types: Types, name: string, inputs: Named, result: Result): Flow {
  const { flow, into, out, between } = parts;
  const inner = body(parts, inputs);
  const place = placesOf(flow);
  const start = idFor({ schema: "flow/1", nodes: inner }, types.get("trigger.call")!);
  const end = idFor({ schema: "flow/1", nodes: inner }, types.get("output.result")!);
  const led = new Set(between.map((edge) => edge.target));
  const first = new Set([...into.map((edge) => edge.target), ...inner.filter((node) => node.parent == null && !led.has(node.id)).map((node) => node.id)]);
  const ends = out.length > 0 ? out : [];
  const edges: FlowEdge[] = [...between];
  const join = (source: string, source_port: string, target: string) => {
    if (edges.some((edge) => edge.source === source && (edge.source_port ?? "out") === source_port && edge.target === target)) return;
    const [id] = freshEdgeIds({ schema: "flow/1", edges }, 1);
    edges.push({ id: id!, source, source_port, target, target_port: "in" });
  };
  for (const id of first) join(start, "out", id);
  for (const edge of ends) join(edge.source, edge.source_port ?? "out", end);
  const places: { [id: string]: Position } = {};
  for (const node of inner) places[node.id] = { ...(flow.view?.nodes?.[node.id] ?? place(node.id)) };
  const xs = inner.map((node) => place(node.id));
  const [left, right, top] = [Math.min(...xs.map(({ x }) => x)), Math.max(...xs.map(({ x }) => x)), Math.min(...xs.map(({ y }) => y))];
  places[start] = { x: left - 340, y: top };
  places[end] = { x: right + 340, y: top };
  const trigger: FlowNode = { id: start, type: "trigger.call", v: types.get("trigger.call")!.version, title: "", params: {}, policy: {}, parent: null };
  const gives: FlowNode = { id: end, type: "output.result", v: types.get("output.result")!.version, title: "", params: { value: result.value }, policy: {}, parent: null };
  const properties = Object.fromEntries([...inputs.values.values()].map((each) => [each, {}]));
  return {
    schema: "flow/1", kind: "task", name, inputs: { type: "object", properties, required: Object.keys(properties) }, nodes: [trigger, ...inner, ...(ends.length > 0 ? [gives] : [])],
    edges, requires: flow.requires ?? {}, view: { nodes: places },
  };
}

export function extracted(flow: Flow, types: Types, ids: readonly string[], name: string): Extraction | string {
  const parts = partsOf(flow, types, ids);
  if (typeof parts === "string") return parts;
  const caller: NodeType | undefined = types.get("logic.subflow");
  if (caller === undefined || !types.has("trigger.call") || !types.has("output.result")) return "extract.nothing";
  const id = idFor(flow, caller);
  const inputs = new Named();
  const result = resultOf(parts, types, id);
  const made = calledFlow(parts, types, name, inputs, result);
  const op = (flowId: string): Op => replacement(parts, id, caller, flowId, name, inputs, result);
  return { flow: made, op, id };
}

// The selection out, the calling step in, and whoever read the selection reads the step.
function replacement(parts: Parts, id: string, caller: NodeType, flowId: string, name: string, inputs: Named, result: Result): Op {
  const { flow, chosen, nodes, into, out, parent } = parts;
  const place = placesOf(flow);
  const places = nodes.map((node) => place(node.id));
  const at = { x: Math.round(Math.min(...places.map(({ x }) => x))), y: Math.round(Math.min(...places.map(({ y }) => y))) };
  const input = Object.fromEntries([...inputs.values].map(([path, each]) => [each, `{{ ${path} }}`]));
  const step: FlowNode = { id, type: caller.key, v: caller.version, title: name.slice(0, 120), params: { ...structuredClone(caller.defaults), flow: flowId, input }, policy: {}, parent };
  const ops: Op[] = [{ op: "node.add", node: step, position: at }];
  const ends = [...into.map((edge) => ({ source: edge.source, source_port: edge.source_port ?? "out", target: id })), ...out.map((edge) => ({ source: id, source_port: "out", target: edge.target }))];
  const unique = ends.filter((end, index) => ends.findIndex((each) => JSON.stringify(each) === JSON.stringify(end)) === index);
  const edgeIds = freshEdgeIds(flow, unique.length);
  unique.forEach((end, index) => ops.push({ op: "edge.add", edge: { id: edgeIds[index]!, ...end, target_port: "in" } }));
  for (const node of flow.nodes ?? []) {
    if (chosen.has(node.id)) continue;
    for (const [param, value] of Object.entries(node.params ?? {})) {
      const after = rewrite(value, (reference) => result.renamed(reference, node));
      if (JSON.stringify(after) !== JSON.stringify(value)) ops.push({ op: "node.set_param", id: node.id, name: param, value: after });
    }
  }
  const depth = (each: FlowNode): number => {
    const above = nodes.find((other) => other.id === each.parent);
    return above === undefined ? 0 : 1 + depth(above);
  };
  for (const node of [...nodes].sort((one, other) => depth(other) - depth(one))) ops.push({ op: "node.remove", id: node.id });
  return batch(ops)!;
}
