// Which places of the document an operation writes to, and the same operation for parts that got another id. Pure.

import { rewritten } from "./renaming";
import { steps, type Single } from "./reducer";
import type { JsonObject, Op } from "./types";

export type What = "node" | "edge" | "note" | "group";

// A part that is called otherwise than the edits still call it.
export interface Renamed {
  what: What;
  from: string;
  to: string;
}

// "node:answer/title", "edge:e1", "flow/name". What adds or removes a part writes to the part itself.
export function placesOf(op: Op): string[] {
  return steps(op).flatMap(placesOfOne);
}

function placesOfOne(op: Single): string[] {
  switch (op.op) {
    case "node.add":
      return [`node:${op.node.id}`];
    case "edge.add":
      return [`edge:${op.edge.id}`];
    case "note.add":
      return [`note:${op.note.id}`];
    case "group.add":
      return [`group:${op.group.id}`];
    case "node.remove":
    case "edge.remove":
    case "note.remove":
    case "group.remove":
      return [`${op.op.split(".")[0]!}:${op.id}`];
    case "node.set_param":
      return [`node:${op.id}/params.${op.name}`];
    case "node.set_policy":
      return [`node:${op.id}/policy.${op.name}`];
    case "node.move":
      return [`node:${op.id}/position`];
    case "node.rename_id":
      return [`node:${op.id}/id`];
    case "note.update":
    case "group.update":
      return Object.keys(op.fields).map((name) => `${op.op.split(".")[0]!}:${op.id}/${name}`);
    case "flow.set":
      return [`flow/${op.name}`];
    default:
      return "id" in op ? [`node:${op.id}/${op.op.replace(/^node\.(set_)?/, "")}`] : [];
  }
}

// The part that a place belongs to: "node:answer/title" → "node:answer".
export const partOf = (place: string): string => place.split("/")[0]!;

export interface Part {
  what: What;
  id: string;
}

export function removes(step: Single): Part | null {
  const [what, verb] = step.op.split(".") as [What, string];
  return verb === "remove" && "id" in step ? { what, id: step.id } : null;
}

export function adds(step: Single): Part | null {
  if (step.op === "node.add") return { what: "node", id: step.node.id };
  if (step.op === "edge.add") return { what: "edge", id: step.edge.id };
  if (step.op === "note.add") return { what: "note", id: step.note.id };
  if (step.op === "group.add") return { what: "group", id: step.group.id };
  return null;
}

// The operation without the steps that write to these places; null when nothing is left.
export function without(op: Op, places: ReadonlySet<string>): Op | null {
  const all = steps(op);
  const left = all.filter((step) => !placesOfOne(step).some((place) => places.has(place)));
  return left.length === all.length ? op : joined(left);
}

export function joined(ops: readonly Op[]): Op | null {
  const [only] = ops;
  if (only === undefined) return null;
  return ops.length === 1 ? only : { op: "batch", ops: [...ops] };
}

// The operation with every mention of a renamed part, in templates too. The same object where there is none.
export function readdressed(op: Op, renamed: readonly Renamed[]): Op {
  return renamed.reduce(readdressedOnce, op);
}

function readdressedOnce(op: Op, renamed: Renamed): Op {
  if (op.op === "batch") {
    const ops = op.ops.map((each) => readdressedOnce(each, renamed));
    return ops.every((each, index) => each === op.ops[index]) ? op : { ...op, ops };
  }
  const changed = renamed.what === "node" ? ofNode(op, renamed.from, renamed.to) : ofOther(op, renamed);
  return JSON.stringify(changed) === JSON.stringify(op) ? op : changed;
}

function ofOther(op: Single, { what, from, to }: Renamed): Single {
  if (!op.op.startsWith(`${what}.`)) return op;
  if ("id" in op) return op.id === from ? { ...op, id: to } : op;
  const item = (op as unknown as { [name: string]: { id: string } })[what];
  return item?.id === from ? ({ ...op, [what]: { ...item, id: to } } as Single) : op;
}

function ofNode(op: Single, from: string, to: string): Single {
  const called = (name: string) => (name === from ? to : name);
  switch (op.op) {
    case "node.add": {
      const { id, parent, params } = op.node;
      const node = { ...op.node, id: called(id) };
      if (parent != null) node.parent = called(parent);
      if (params !== undefined) node.params = rewritten(params, from, to) as JsonObject;
      return { ...op, node };
    }
    case "node.set_param":
      return "unset" in op ? { ...op, id: called(op.id) } : { ...op, id: called(op.id), value: rewritten(op.value, from, to) };
    case "node.reparent":
      return { ...op, id: called(op.id), parent: op.parent === null ? null : called(op.parent) };
    case "edge.add":
      return { ...op, edge: { ...op.edge, source: called(op.edge.source), target: called(op.edge.target) } };
    case "group.add":
      return op.group.nodes === undefined ? op : { ...op, group: { ...op.group, nodes: op.group.nodes.map(called) } };
    case "group.update":
      return op.fields.nodes === undefined ? op : { ...op, fields: { ...op.fields, nodes: op.fields.nodes.map(called) } };
    default:
      return op.op.startsWith("node.") && "id" in op ? { ...op, id: called(op.id) } : op;
  }
}
