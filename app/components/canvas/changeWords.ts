// An operation in words: what a person did, as a line of a list.

import { titleOf } from "./describe";
import { steps, type Single } from "./reducer";
import type { Fragment } from "./edits";
import type { Translate } from "./text";
import type { Flow, FlowEdge, FlowNode, NodeType, Op } from "./types";

export interface Wording {
  flow: Flow;
  types: ReadonlyMap<string, NodeType>;
  t: Translate;
  // A node that may be gone from the flow by now.
  node?: Pick<FlowNode, "id" | "type" | "title"> | null;
}

export function nodeName(id: string, { flow, types, node }: Wording): string {
  const found = (flow.nodes ?? []).find((each) => each.id === id) ?? (node?.id === id ? node : undefined);
  return found === undefined ? id : titleOf(found, types.get(found.type));
}

export function changeWords(op: Op | { op: string }, wording: Wording): string {
  const { t } = wording;
  if (op.op === "document.replace") return t("change.replaced");
  const all = steps(op as Op);
  const first = all.find((step) => step.op !== "node.move") ?? all[0];
  if (first === undefined) return t("change.other");
  const words = ofOne(first, wording);
  return all.length === 1 ? words : t("change.more", { change: words, count: all.length - 1 });
}

function ofOne(step: Single, wording: Wording): string {
  const { t, types, flow } = wording;
  const name = (id: string) => nodeName(id, wording);
  switch (step.op) {
    case "node.add":
      return t("change.node_add", { node: titleOf(step.node, types.get(step.node.type)) });
    case "node.set_title":
      return t("change.node_set_title", { node: step.title || name(step.id) });
    case "node.set_param": {
      const type = (flow.nodes ?? []).find(({ id }) => id === step.id)?.type ?? wording.node?.type ?? "";
      const field = types.get(type)?.params_schema.properties?.[step.name]?.title ?? step.name;
      return t("change.node_set_param", { node: name(step.id), field });
    }
    case "edge.add":
      return t("change.edge_add", { source: name(step.edge.source), target: name(step.edge.target) });
    case "flow.set":
      return t(step.name === "name" ? "change.flow_name" : "change.flow_set");
    default: {
      const key = `change.${step.op.replace(".", "_")}`;
      const words = t(key, { node: "id" in step ? name(step.id) : "" });
      return words === key ? t("change.other") : words;
    }
  }
}

// The node a change is about, where it is still there.
export function nodeIn(op: Op | { op: string }, flow: Flow): string | null {
  if (op.op === "document.replace") return null;
  const ids = new Set((flow.nodes ?? []).map(({ id }) => id));
  for (const step of steps(op as Op)) {
    const id = step.op === "node.add" ? step.node.id : step.op === "edge.add" ? step.edge.target : step.op.startsWith("node.") && "id" in step ? step.id : null;
    if (id !== null && ids.has(id)) return id;
  }
  return null;
}

// What somebody made, as text to take away: the words they typed, nodes that can be pasted, or the operation.
export function takeaway(op: Op): string {
  const all = steps(op);
  const [only] = all;
  if (all.length === 1 && only !== undefined) {
    const value = only.op === "node.set_param" && !("unset" in only) ? only.value : only.op === "node.set_title" ? only.title : only.op === "node.set_note" ? only.note : undefined;
    if (value !== undefined) return typeof value === "string" ? value : JSON.stringify(value, null, 2);
  }
  const nodes: FlowNode[] = all.flatMap((step) => (step.op === "node.add" ? [step.node] : []));
  if (nodes.length === 0) return JSON.stringify(op, null, 2);
  const edges: FlowEdge[] = all.flatMap((step) => (step.op === "edge.add" ? [step.edge] : []));
  const places = Object.fromEntries(all.flatMap((step) => (step.op === "node.add" && step.position !== undefined ? [[step.node.id, step.position]] : [])));
  const part: Fragment = { schema: "flow/1-part", nodes, edges, places };
  return JSON.stringify(part, null, 2);
}
