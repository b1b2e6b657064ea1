// What a node says about itself on its card: one sentence with its values as chips, and its ports.

import type { Flow, FlowNode, Json, JsonObject, NodeType, Port, Schema } from "./types";
import { shortened, type Translate } from "./text";

export type Part = { text: string } | { chip: string };

const EXPRESSION = /\{\{-?\s*(.*?)\s*-?\}\}/gs;
const LONGEST_CHIP = 28;
const LONGEST_TEXT = 46;

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// "{{ nodes.answer.text }}" reads as "answer.text", "{{ input.message | downcase }}" as "message".
export function readableExpression(expression: string): string {
  const path = expression.split("|")[0]?.trim() ?? "";
  return shortened(path.replace(/^(nodes|input)\./, ""), LONGEST_CHIP);
}

// A text with templates as words and chips.
export function templateParts(text: string, longest = LONGEST_TEXT): Part[] {
  const parts: Part[] = [];
  let at = 0;
  let left = longest;
  const say = (piece: string) => {
    const clean = piece.replace(/\{%.*?%\}/gs, " … ").replace(/\s+/g, " ");
    if (clean.trim() === "" || left <= 0) return;
    const short = clean.length > left ? `${clean.slice(0, left).trimEnd()}…` : clean;
    left -= clean.length;
    parts.push({ text: short });
  };
  for (const match of text.matchAll(EXPRESSION)) {
    say(text.slice(at, match.index));
    if (left <= 0) return parts;
    const chip = readableExpression(match[1] ?? "");
    parts.push({ chip });
    left -= chip.length;
    at = match.index + match[0].length;
  }
  say(text.slice(at));
  return parts;
}

function valueParts(value: Json | undefined, schema: Schema | undefined, t: Translate): Part[] {
  if (value === undefined || value === null || value === "") return [{ chip: "…" }];
  if (typeof value === "string") {
    const label = schema?.["x-labels"]?.[value];
    if (schema?.enum !== undefined) return [{ chip: label ?? value }];
    return schema?.["x-template"] === undefined ? [{ chip: shortened(value, LONGEST_CHIP) }] : templateParts(value);
  }
  if (typeof value !== "object") return [{ chip: String(value) }];
  if (Array.isArray(value)) return [{ chip: t("card.items", { count: value.length }) }];
  const names = Object.keys(value).map((name) => name.replace(/^state\./, ""));
  return names.length === 0 ? [{ chip: "…" }] : names.slice(0, 3).map((name) => ({ chip: name }));
}

export function sentenceParts(node: FlowNode, type: NodeType, t: Translate): Part[] {
  const parts: Part[] = [];
  for (const piece of type.sentence.split(/(\{\w+\})/)) {
    const name = /^\{(\w+)\}$/.exec(piece)?.[1];
    if (name === undefined) {
      if (piece !== "") parts.push({ text: piece });
      continue;
    }
    const schema = type.params_schema.properties?.[name];
    const value = node.params?.[name] ?? schema?.default;
    // A node that assigns nothing but builds an object is described by the object.
    const empty = isObject(value) && Object.keys(value).length === 0;
    parts.push(...valueParts(empty ? node.params?.["output"] : value, schema, t));
  }
  return parts;
}

function operand(value: Json | undefined): string {
  if (value === undefined || value === "") return "…";
  if (typeof value !== "string") return shortened(JSON.stringify(value), 18);
  const only = /^\s*\{\{-?\s*([^{}]*?)\s*-?\}\}\s*$/.exec(value);
  return only === null ? `“${shortened(value, 18)}”` : readableExpression(only[1] ?? "");
}

// "total > 1000", or the joined parts of all/any/not.
export function conditionText(condition: Json | undefined, t: Translate): string {
  if (!isObject(condition)) return "…";
  for (const name of ["all", "any"] as const) {
    const each = condition[name];
    if (Array.isArray(each)) return each.map((part) => conditionText(part, t)).join(` ${t(`condition.${name}`)} `);
  }
  if ("not" in condition) return `${t("condition.not")} ${conditionText(condition["not"], t)}`;
  const op = String(condition["op"] ?? "eq");
  const sign = t(`op.sign.${op}`);
  const left = operand(condition["left"]);
  return UNARY.has(op) ? `${left} ${sign}` : `${left} ${sign} ${operand(condition["right"])}`;
}

export const UNARY: ReadonlySet<string> = new Set(["exists", "not_exists", "is_empty", "not_empty"]);

export interface ShownPort extends Port {
  known: boolean;
}

// The ports of a node: those of its list param, of its type, `error` where the policy asks for it, and any other
// an edge leaves from, so that no edge of a file is invisible.
export function portsOf(node: FlowNode, type: NodeType | undefined, used: readonly string[], t: Translate): ShownPort[] {
  const ports: ShownPort[] = [];
  if (type?.port_list) {
    const { param, id_field, label_field } = type.port_list;
    const items = node.params?.[param];
    for (const item of Array.isArray(items) ? items : []) {
      if (!isObject(item) || typeof item[id_field] !== "string") continue;
      if (ports.some((port) => port.id === item[id_field])) continue; // rows of one outcome share a port
      const name = item[label_field];
      const label = typeof name === "string" && name !== "" ? name : portLabel(item, id_field, t);
      ports.push({ id: item[id_field], label, known: true });
    }
  }
  for (const port of type?.ports ?? []) ports.push({ ...port, known: true });
  if (node.policy?.on_error === "port") ports.push({ id: "error", label: t("card.error_port"), known: true });
  for (const id of used) {
    if (!ports.some((port) => port.id === id)) ports.push({ id, label: id, known: false });
  }
  return ports;
}

function portLabel(item: JsonObject, idField: string, t: Translate): string {
  return "when" in item ? conditionText(item["when"], t) : String(item[idField]);
}

export function titleOf(node: FlowNode, type: NodeType | undefined): string {
  return node.title || type?.title || node.type;
}

// A new id beside the others: ai_llm → "answer" stays readable in templates: type's last word, then a number.
export function freshId(flow: Flow, base: string): string {
  const taken = new Set((flow.nodes ?? []).map((node) => node.id));
  const stem = (base.toLowerCase().replace(/[^a-z0-9_]+/g, "_").replace(/^[^a-z]+|_+$/g, "") || "node").slice(0, 34);
  if (!taken.has(stem)) return stem;
  let number = 2;
  while (taken.has(`${stem}_${number}`)) number += 1;
  return `${stem}_${number}`;
}

// Whether a path leads from one node to another, so that an edge back would close a cycle.
export function leadsTo(flow: Flow, from: string, to: string): boolean {
  const next = new Map<string, string[]>();
  for (const edge of flow.edges ?? []) next.set(edge.source, [...(next.get(edge.source) ?? []), edge.target]);
  const seen = new Set<string>();
  const stack = [from];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    if (at === to) return true;
    if (seen.has(at)) continue;
    seen.add(at);
    stack.push(...(next.get(at) ?? []));
  }
  return false;
}

// Every node from which a path leads here, nearest first.
export function upstream(flow: Flow, id: string): string[] {
  const found: string[] = [];
  const queue = [id];
  const seen = new Set(queue);
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const edge of flow.edges ?? []) {
      if (edge.target !== at || seen.has(edge.source)) continue;
      seen.add(edge.source);
      found.push(edge.source);
      queue.push(edge.source);
    }
  }
  return found;
}
