// What takes one operation back: for each kind, the operations that lead from the document after to the one before.

import { applyOne, edgesOf, nodesOf, placeOf, renamed, steps, type Single } from "./reducer";
import type { Flow, FlowNode, Group, Json, Note, Op, Policy } from "./types";

type Inverses = { readonly [K in Single["op"]]: (flow: Flow, op: Extract<Single, { op: K }>) => Op[] };

const DEFAULTS: { readonly [name in keyof Required<Policy>]: Json } = {
  timeout_s: null, retry: { max: 0, backoff_s: 1, jitter: true }, on_error: "fail", default: null, cache: null, mock: null,
};
const FIELD_DEFAULTS: { readonly [name: string]: Json } = {
  name: "", description: "", kind: "task", inputs: {}, state: {}, settings: {}, requires: {}, tests: [],
};
const NOTE_DEFAULTS: Required<Omit<Note, "id">> = { text: "", x: 0, y: 0, width: 240, height: 120, color: "amber" };
const GROUP_DEFAULTS: Required<Omit<Group, "id">> = { title: "", nodes: [], color: "sand" };

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

function nodeOf(flow: Flow, id: string): FlowNode {
  return nodesOf(flow)[placeOf(nodesOf(flow), id, "node")]!;
}

const SIZES = ["width", "height"] as const;

// `sizes` are those to speak of, with null where there was none; without it those that were there.
function position(flow: Flow, id: string, sizes?: readonly string[]): Op[] {
  const place = flow.view?.nodes?.[id];
  if (place === undefined) return [];
  const named = SIZES.filter((name) => (sizes === undefined ? place[name] !== undefined : sizes.includes(name)));
  return [{ op: "node.move", id, x: place.x, y: place.y, ...Object.fromEntries(named.map((name) => [name, place[name] ?? null])), restore: true }];
}

function edges(flow: Flow, id: string): Op[] {
  return edgesOf(flow).flatMap((edge, index): Op[] => (edge.source === id || edge.target === id ? [{ op: "edge.add", edge, index, restore: true }] : []));
}

function groups(flow: Flow, id: string): Op[] {
  return (flow.view?.groups ?? []).flatMap((group): Op[] =>
    group.nodes?.includes(id) ? [{ op: "group.update", id: group.id, fields: { nodes: group.nodes } }] : [],
  );
}

function paramBack(node: FlowNode, name: string): Op {
  const value = node.params?.[name];
  if (value === undefined) return { op: "node.set_param", id: node.id, name, unset: true };
  return { op: "node.set_param", id: node.id, name, value, index: Object.keys(node.params ?? {}).indexOf(name) };
}

// The name back, and everything that already spoke of the new name as it was.
function renameBack(flow: Flow, id: string, to: string): Op[] {
  if (id === to) return [];
  const restored = renamed(renamed(flow, id, to), to, id);
  const back: Op[] = [{ op: "node.rename_id", id: to, new_id: id }];
  nodesOf(flow).forEach((node, index) => {
    const again = nodesOf(restored)[index]!;
    for (const name of Object.keys(node.params ?? {})) {
      if (!same(node.params?.[name], again.params?.[name])) back.push(paramBack(node, name));
    }
    if ((node.parent ?? null) !== (again.parent ?? null)) back.push({ op: "node.reparent", id: node.id, parent: node.parent ?? null, restore: true });
  });
  edgesOf(flow).forEach((edge, index) => {
    if (same(edge, edgesOf(restored)[index])) return;
    back.push({ op: "edge.remove", id: edge.id }, { op: "edge.add", edge, index, restore: true });
  });
  return [...back, ...strayBack(flow, restored)];
}

function strayBack(flow: Flow, restored: Flow): Op[] {
  const [places, again] = [flow.view?.nodes ?? {}, restored.view?.nodes ?? {}];
  const back: Op[] = [];
  if (!same(places, again)) {
    for (const id of Object.keys(again)) if (!(id in places)) back.push({ op: "node.move", id, unset: true, restore: true });
    for (const id of Object.keys(places)) back.push(...position(flow, id, SIZES));
  }
  (flow.view?.groups ?? []).forEach((group, index) => {
    if (!same(group.nodes, restored.view?.groups?.[index]?.nodes)) back.push({ op: "group.update", id: group.id, fields: { nodes: group.nodes ?? [] } });
  });
  return back;
}

function shownBack<T extends object>(items: readonly { id: string }[], what: string, id: string, fields: object, defaults: T): T {
  const item: { [name: string]: unknown } = { ...items[placeOf(items, id, what)] };
  const known = defaults as { [name: string]: unknown };
  return Object.fromEntries(Object.keys(fields).map((name) => [name, item[name] ?? known[name]])) as T;
}

const INVERSES: Inverses = {
  "node.add": (flow, { node: { id } }) => {
    const children = nodesOf(flow).some((node) => node.parent === id);
    return [{ op: "node.remove", id, ...(children ? { restore: true } : {}) }, ...position(flow, id), ...edges(flow, id), ...groups(flow, id)];
  },
  "node.remove": (flow, { id }) => {
    const index = placeOf(nodesOf(flow), id, "node");
    const back: Op = { op: "node.add", node: nodesOf(flow)[index]!, index, restore: true };
    return [back, ...position(flow, id), ...edges(flow, id), ...groups(flow, id)];
  },
  "node.move": (flow, op) => {
    const back = position(flow, op.id, "unset" in op ? undefined : SIZES.filter((name) => name in op));
    return back.length > 0 ? back : [{ op: "node.move", id: op.id, unset: true, restore: true }];
  },
  "node.set_param": (flow, { id, name }) => [paramBack(nodeOf(flow, id), name)],
  "node.set_policy": (flow, { id, name }) => {
    const value = (nodeOf(flow, id).policy?.[name] ?? null) as Json;
    const unset = value === null || same(value, DEFAULTS[name]);
    return [unset ? { op: "node.set_policy", id, name, unset: true } : { op: "node.set_policy", id, name, value }];
  },
  "node.set_title": (flow, { id }) => [{ op: "node.set_title", id, title: nodeOf(flow, id).title ?? "" }],
  "node.set_note": (flow, { id }) => [{ op: "node.set_note", id, note: nodeOf(flow, id).note ?? "" }],
  "node.set_enabled": (flow, { id }) => [{ op: "node.set_enabled", id, enabled: nodeOf(flow, id).enabled ?? true }],
  "node.rename_id": (flow, { id, new_id: to }) => renameBack(flow, id, to),
  "node.reparent": (flow, { id }) => [{ op: "node.reparent", id, parent: nodeOf(flow, id).parent ?? null, restore: true }],
  "edge.add": (_flow, { edge: { id } }) => [{ op: "edge.remove", id }],
  "edge.remove": (flow, { id }) => {
    const index = placeOf(edgesOf(flow), id, "edge");
    return [{ op: "edge.add", edge: edgesOf(flow)[index]!, index, restore: true }];
  },
  "flow.set": (flow, { name }) => [{ op: "flow.set", name, value: (flow[name] ?? FIELD_DEFAULTS[name]) as Json }],
  "note.add": (_flow, { note: { id } }) => [{ op: "note.remove", id }],
  "group.add": (_flow, { group: { id } }) => [{ op: "group.remove", id }],
  "note.update": (flow, { id, fields }) => [{ op: "note.update", id, fields: shownBack(flow.view?.notes ?? [], "note", id, fields, NOTE_DEFAULTS) }],
  "group.update": (flow, { id, fields }) => [{ op: "group.update", id, fields: shownBack(flow.view?.groups ?? [], "group", id, fields, GROUP_DEFAULTS) }],
  "note.remove": (flow, { id }) => {
    const index = placeOf(flow.view?.notes ?? [], id, "note");
    return [{ op: "note.add", note: flow.view!.notes![index]!, index }];
  },
  "group.remove": (flow, { id }) => {
    const index = placeOf(flow.view?.groups ?? [], id, "group");
    return [{ op: "group.add", group: flow.view!.groups![index]!, index }];
  },
};

// What takes `op` back; `flow` is the document before it. Throws OperationRefused where `op` does not apply.
export function invert(flow: Flow, op: Op): Op {
  const back: Op[] = [];
  let now = flow;
  for (const step of steps(op)) {
    const after = applyOne(now, step);
    const inverse = INVERSES[step.op] as (flow: Flow, op: Single) => Op[];
    back.unshift(...inverse(now, step));
    now = after;
  }
  const [only] = back;
  return back.length === 1 && only !== undefined ? only : { op: "batch", ops: back };
}
