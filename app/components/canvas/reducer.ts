// The only way the document changes in the editor: the twin of the server's operations. Pure; what does not change
// is shared. Structure is refused here; values are checked by the server. `invert` lives in inverses.ts.

import { rewritten } from "./renaming";
import type { Flow, FlowEdge, FlowNode, Group, Json, JsonObject, Note, Op, Place, Policy, View } from "./types";

// An operation that does not fit this document.
export class OperationRefused extends Error {
  constructor(
    readonly code: string,
    readonly context: JsonObject = {},
  ) {
    super(code);
  }
}

export type Single = Exclude<Op, { op: "batch" }>;
type OpOf<K extends Single["op"]> = Extract<Single, { op: K }>;
type Identified = { id: string };

export const nodesOf = (flow: Flow): readonly FlowNode[] => flow.nodes ?? [];
export const edgesOf = (flow: Flow): readonly FlowEdge[] => flow.edges ?? [];

// The index of the one item with this id.
export function placeOf(items: readonly Identified[], id: string, what: string): number {
  const index = items.findIndex((item) => item.id === id);
  if (index === -1) throw new OperationRefused(`operation.unknown_${what}`, { id });
  if (items.findIndex((item, at) => at > index && item.id === id) !== -1) throw new OperationRefused("operation.ambiguous_id", { id });
  return index;
}

function absent(items: readonly Identified[], id: string): void {
  if (items.some((item) => item.id === id)) throw new OperationRefused("operation.id_taken", { id });
}

function inserted<T>(items: readonly T[], item: T, index: number | undefined): T[] {
  const place = index === undefined ? items.length : Math.max(0, Math.min(index, items.length));
  return [...items.slice(0, place), item, ...items.slice(place)];
}

const removed = <T>(items: readonly T[], index: number): T[] => items.filter((_item, at) => at !== index);
const replaced = <T>(items: readonly T[], index: number, item: T): T[] => items.map((each, at) => (at === index ? item : each));
const withView = (flow: Flow, view: Partial<View>): Flow => ({ ...flow, view: { ...flow.view, ...view } });

export function withNode(flow: Flow, id: string, change: (node: FlowNode) => FlowNode): Flow {
  const nodes = nodesOf(flow);
  const index = placeOf(nodes, id, "node");
  return { ...flow, nodes: replaced(nodes, index, change(nodes[index]!)) };
}

type Sized = { x: number; y: number; width?: number | null; height?: number | null };

// The place an operation names. A size it does not speak of stays as it was; null takes it away.
function placeFrom(op: Sized, before: Place | undefined): Place {
  const place: Place = { x: op.x, y: op.y };
  for (const name of ["width", "height"] as const) {
    const size = name in op ? op[name] : before?.[name];
    if (size != null) place[name] = size;
  }
  return place;
}

function placed(flow: Flow, id: string, position: Place | null): Flow {
  const { [id]: old, ...others } = flow.view?.nodes ?? {};
  if (position === null) return old === undefined ? flow : withView(flow, { nodes: others });
  return withView(flow, { nodes: { ...flow.view?.nodes, [id]: position } });
}

function checkParent(flow: Flow, id: string, parent: string | null | undefined, restore: boolean | undefined): void {
  if (parent == null || restore) return;
  const above = new Map(nodesOf(flow).map((node) => [node.id, node.parent ?? null]));
  if (!above.has(parent) && parent !== id) throw new OperationRefused("operation.unknown_node", { id: parent });
  const seen = new Set<string>();
  for (let step: string | null = parent; step !== null && !seen.has(step); step = above.get(step) ?? null) {
    if (step === id) throw new OperationRefused("operation.parent_cycle", { id });
    seen.add(step);
  }
}

function addNode(flow: Flow, { node, index, position, restore }: OpOf<"node.add">): Flow {
  absent(nodesOf(flow), node.id);
  checkParent(flow, node.id, node.parent, restore);
  const after = { ...flow, nodes: inserted(nodesOf(flow), node, index) };
  return position === undefined ? after : placed(after, node.id, placeFrom(position, undefined));
}

function removeNode(flow: Flow, { id, restore }: OpOf<"node.remove">): Flow {
  const index = placeOf(nodesOf(flow), id, "node");
  if (!restore && nodesOf(flow).some((node) => node.parent === id)) throw new OperationRefused("operation.has_children", { id });
  const touched = (flow.view?.groups ?? []).some((group) => group.nodes?.includes(id));
  const after: Flow = {
    ...flow,
    nodes: removed(nodesOf(flow), index),
    edges: edgesOf(flow).filter((edge) => edge.source !== id && edge.target !== id),
  };
  const ungrouped = (group: Group): Group => (group.nodes?.includes(id) ? { ...group, nodes: group.nodes.filter((each) => each !== id) } : group);
  return placed(touched ? withView(after, { groups: flow.view!.groups!.map(ungrouped) }) : after, id, null);
}

function move(flow: Flow, op: OpOf<"node.move">): Flow {
  if (!op.restore) placeOf(nodesOf(flow), op.id, "node");
  return placed(flow, op.id, "unset" in op ? null : placeFrom(op, flow.view?.nodes?.[op.id]));
}

function setParam(flow: Flow, op: OpOf<"node.set_param">): Flow {
  return withNode(flow, op.id, (node) => {
    const before = node.params ?? {};
    if ("unset" in op) {
      const { [op.name]: _old, ...params } = before;
      return { ...node, params };
    }
    if (op.name in before || op.index === undefined) return { ...node, params: { ...before, [op.name]: op.value } };
    return { ...node, params: Object.fromEntries(inserted(Object.entries(before), [op.name, op.value], op.index)) };
  });
}

function setPolicy(flow: Flow, op: OpOf<"node.set_policy">): Flow {
  return withNode(flow, op.id, (node) => {
    const { [op.name]: _old, ...rest } = node.policy ?? {};
    return { ...node, policy: "unset" in op ? rest : ({ ...node.policy, [op.name]: op.value } as Policy) };
  });
}

function renameId(flow: Flow, { id, new_id: to }: OpOf<"node.rename_id">): Flow {
  placeOf(nodesOf(flow), id, "node");
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(to)) throw new OperationRefused("operation.malformed", { field: "new_id" });
  if (to === id) return flow;
  absent(nodesOf(flow), to);
  return renamed(flow, id, to);
}

export function renamed(flow: Flow, id: string, to: string): Flow {
  const called = <T extends string | null | undefined>(name: T): T => (name === id ? (to as T) : name);
  const nodes = nodesOf(flow).map((node) => {
    const params = node.params === undefined ? undefined : (rewritten(node.params, id, to) as JsonObject);
    if (node.id !== id && node.parent !== id && params === node.params) return node;
    return { ...node, id: called(node.id), ...(node.parent === undefined ? {} : { parent: called(node.parent) }), ...(params === undefined ? {} : { params }) };
  });
  const edges = edgesOf(flow).map((edge) => (edge.source === id || edge.target === id ? { ...edge, source: called(edge.source), target: called(edge.target) } : edge));
  const after: Flow = { ...flow, nodes, edges };
  if (flow.view === undefined) return after;
  const places = flow.view.nodes ?? {};
  const kept = Object.entries(places).filter(([name]) => name !== to || !(id in places));
  const groups = flow.view.groups?.map((group) => (group.nodes?.includes(id) ? { ...group, nodes: group.nodes.map((each) => called(each)) } : group));
  return withView(after, { nodes: Object.fromEntries(kept.map(([name, place]) => [called(name), place])), ...(groups === undefined ? {} : { groups }) });
}

function addEdge(flow: Flow, { edge, index, restore }: OpOf<"edge.add">): Flow {
  absent(edgesOf(flow), edge.id);
  const known = new Set(nodesOf(flow).map((node) => node.id));
  for (const end of [edge.source, edge.target]) {
    if (!restore && !known.has(end)) throw new OperationRefused("operation.unknown_node", { id: end });
  }
  return { ...flow, edges: inserted(edgesOf(flow), edge, index) };
}

function shown<T extends Note | Group>(flow: Flow, what: "note" | "group"): readonly T[] {
  return ((what === "note" ? flow.view?.notes : flow.view?.groups) ?? []) as readonly Identified[] as readonly T[];
}

const show = (flow: Flow, what: "note" | "group", items: (Note | Group)[]): Flow => withView(flow, { [`${what}s`]: items });

function addShown(flow: Flow, what: "note" | "group", item: Note | Group, index: number | undefined): Flow {
  absent(shown(flow, what), item.id);
  return show(flow, what, inserted(shown(flow, what), item, index));
}

function updateShown(flow: Flow, what: "note" | "group", id: string, fields: object): Flow {
  const items = shown(flow, what);
  const index = placeOf(items, id, what);
  return show(flow, what, replaced(items, index, { ...items[index]!, ...fields }));
}

function removeShown(flow: Flow, what: "note" | "group", id: string): Flow {
  return show(flow, what, removed(shown(flow, what), placeOf(shown(flow, what), id, what)));
}

export function applyOne(flow: Flow, op: Single): Flow {
  switch (op.op) {
    case "node.add":
      return addNode(flow, op);
    case "node.remove":
      return removeNode(flow, op);
    case "node.move":
      return move(flow, op);
    case "node.set_param":
      return setParam(flow, op);
    case "node.set_policy":
      return setPolicy(flow, op);
    case "node.set_title":
      return withNode(flow, op.id, (node) => ({ ...node, title: op.title }));
    case "node.set_note":
      return withNode(flow, op.id, (node) => ({ ...node, note: op.note }));
    case "node.set_enabled":
      return withNode(flow, op.id, (node) => ({ ...node, enabled: op.enabled }));
    case "node.rename_id":
      return renameId(flow, op);
    case "node.reparent":
      return reparent(flow, op);
    case "edge.add":
      return addEdge(flow, op);
    case "edge.remove":
      return { ...flow, edges: removed(edgesOf(flow), placeOf(edgesOf(flow), op.id, "edge")) };
    case "note.add":
      return addShown(flow, "note", op.note, op.index);
    case "group.add":
      return addShown(flow, "group", op.group, op.index);
    case "note.update":
      return updateShown(flow, "note", op.id, op.fields);
    case "group.update":
      return updateShown(flow, "group", op.id, op.fields);
    case "note.remove":
      return removeShown(flow, "note", op.id);
    case "group.remove":
      return removeShown(flow, "group", op.id);
    case "flow.set":
      return { ...flow, [op.name]: op.value } as Flow;
    default:
      throw new OperationRefused("operation.unknown", { op: String((op as { op: Json }).op) });
  }
}

function reparent(flow: Flow, { id, parent, restore }: OpOf<"node.reparent">): Flow {
  const after = withNode(flow, id, (node) => ({ ...node, parent }));
  checkParent(flow, id, parent, restore);
  return after;
}

// The single operations of an operation, batches opened.
export function steps(op: Op): Single[] {
  return op.op === "batch" ? op.ops.flatMap(steps) : [op];
}

// The document after the operation; a batch happens whole or not at all. Throws OperationRefused.
export function apply(flow: Flow, op: Op): Flow {
  return steps(op).reduce(applyOne, flow);
}
