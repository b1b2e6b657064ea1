// The operations behind what a person does on the canvas. Pure: each gives an operation, or null where nothing changes.

import { freshId, leadsTo } from "./describe";
import { inside } from "./frames";
import { placesOf } from "./layout";
import type { Flow, FlowEdge, FlowNode, NodeType, Op, Place, Position } from "./types";

const whole = ({ x, y }: Position): Position => ({ x: Math.round(x), y: Math.round(y) });

export function batch(ops: Op[]): Op | null {
  const [first] = ops;
  if (first === undefined) return null;
  return ops.length === 1 ? first : { op: "batch", ops };
}

function freshEdgeId(flow: Flow, also: readonly FlowEdge[] = []): string {
  return freshEdgeIds({ ...flow, edges: [...(flow.edges ?? []), ...also] }, 1)[0]!;
}

export function freshEdgeIds(flow: Flow, count: number): string[] {
  const taken = new Set((flow.edges ?? []).map((edge) => edge.id));
  const ids: string[] = [];
  for (let number = taken.size + 1; ids.length < count; number += 1) if (!taken.has(`e${number}`)) ids.push(`e${number}`);
  return ids;
}

// The word a person would use in a template: ai.llm → llm, trigger.chat → chat.
export function idFor(flow: Flow, type: NodeType): string {
  return freshId(flow, type.key.split(".").at(-1) ?? type.key);
}

type Types = ReadonlyMap<string, NodeType>;

// The container that a node stands in when an edge leads to it from here: a body begins at its container's own port.
function frameOf(flow: Flow, types: Types, from: { node: string; port: string }): string | null {
  const source = (flow.nodes ?? []).find((node) => node.id === from.node);
  const container = source === undefined ? undefined : types.get(source.type)?.container;
  return container != null && container.port === from.port ? from.node : (source?.parent ?? null);
}

export function addNode(
  flow: Flow,
  types: Types,
  type: NodeType,
  position: Position,
  from?: { node: string; port: string },
  // The container it is put into.
  into: string | null = null,
): { op: Op; id: string } {
  const id = idFor(flow, type);
  const parent = type.trigger || !type.has_input ? null : from === undefined ? into : frameOf(flow, types, from);
  const node: FlowNode = {
    id, type: type.key, v: type.version, title: "", params: structuredClone(type.defaults), policy: {}, parent,
  };
  const ops: Op[] = [{ op: "node.add", node, position: whole(position) }];
  if (from !== undefined && type.has_input) {
    const edge = { id: freshEdgeId(flow), source: from.node, source_port: from.port, target: id, target_port: "in" };
    ops.push({ op: "edge.add", edge });
  }
  return { op: batch(ops)!, id };
}

export interface Ends {
  source: string;
  sourceHandle: string | null;
  target: string;
}

// Why two nodes cannot be connected: the key of a sentence; null when they can.
export function refusal(flow: Flow, types: Types, ends: Ends): string | null {
  const target = (flow.nodes ?? []).find((node) => node.id === ends.target);
  if (target === undefined) return "connect.nothing";
  if (ends.source === ends.target) return "connect.itself";
  const type = types.get(target.type);
  if (type !== undefined && !type.has_input) return "connect.no_input";
  const port = ends.sourceHandle ?? "out";
  const there = (edge: FlowEdge) =>
    edge.source === ends.source && (edge.source_port ?? "out") === port && edge.target === ends.target;
  if ((flow.edges ?? []).some(there)) return "connect.twice";
  return leadsTo(flow, ends.target, ends.source) ? "connect.cycle" : null;
}

// A node that is joined to a body moves into it.
export function connect(flow: Flow, types: Types, ends: Ends): Op {
  const { source, sourceHandle, target } = ends;
  const port = sourceHandle ?? "out";
  const parent = frameOf(flow, types, { node: source, port });
  const ops: Op[] = [];
  if (((flow.nodes ?? []).find((node) => node.id === target)?.parent ?? null) !== parent && parent !== target) {
    ops.push({ op: "node.reparent", id: target, parent });
  }
  ops.push({ op: "edge.add", edge: { id: freshEdgeId(flow), source, source_port: port, target, target_port: "in" } });
  return batch(ops)!;
}

// Children before their containers; edges of removed nodes go with them.
export function remove(flow: Flow, nodeIds: readonly string[], edgeIds: readonly string[], noteIds: readonly string[]): Op | null {
  const gone = new Set(nodeIds);
  for (let grew = true; grew; ) {
    grew = false;
    for (const node of flow.nodes ?? []) {
      if (node.parent && gone.has(node.parent) && !gone.has(node.id)) {
        gone.add(node.id);
        grew = true;
      }
    }
  }
  const depth = (id: string): number => {
    const parent = (flow.nodes ?? []).find((node) => node.id === id)?.parent;
    return parent && gone.has(parent) ? depth(parent) + 1 : 0;
  };
  const ops: Op[] = (flow.edges ?? [])
    .filter((edge) => edgeIds.includes(edge.id) && !gone.has(edge.source) && !gone.has(edge.target))
    .map((edge) => ({ op: "edge.remove", id: edge.id }));
  for (const id of [...gone].sort((one, other) => depth(other) - depth(one))) ops.push({ op: "node.remove", id });
  for (const id of noteIds) ops.push({ op: "note.remove", id });
  return batch(ops);
}

// A part of a flow as it goes over the clipboard.
export interface Fragment {
  schema: "flow/1-part";
  nodes: FlowNode[];
  edges: FlowEdge[];
  places: { [id: string]: Place };
}

export function fragment(flow: Flow, ids: readonly string[]): Fragment {
  const chosen = new Set(ids.flatMap((id) => [id, ...inside(flow, id)]));
  const place = placesOf(flow);
  return {
    schema: "flow/1-part",
    nodes: (flow.nodes ?? []).filter((node) => chosen.has(node.id)),
    edges: (flow.edges ?? []).filter((edge) => chosen.has(edge.source) && chosen.has(edge.target)),
    places: Object.fromEntries([...chosen].map((id) => [id, place(id)])),
  };
}

// What somebody copied: a part, or a whole flow file. Null for any other text.
export function readFragment(text: string): Fragment | null {
  if (text.length > 2_000_000 || !text.trimStart().startsWith("{")) return null;
  try {
    const data = JSON.parse(text) as Partial<Fragment> & Partial<Flow>;
    const schema: string | undefined = data.schema;
    if (!Array.isArray(data.nodes) || !Array.isArray(data.edges)) return null;
    if (schema === "flow/1-part") return { schema, nodes: data.nodes, edges: data.edges, places: data.places ?? {} };
    if (schema === "flow/1") return { schema: "flow/1-part", nodes: data.nodes, edges: data.edges, places: data.view?.nodes ?? {} };
  } catch {
    return null; // it only began like JSON
  }
  return null;
}

// Adds a part under fresh ids, its corner at `at`. Templates inside follow the new ids. With `stay` a node whose
// container is not part of the part stays in that container.
export function paste(flow: Flow, part: Fragment, at: Position, stay = false): { op: Op; ids: string[] } | null {
  const ids = new Map<string, string>();
  const known: Flow = { ...flow, nodes: [...(flow.nodes ?? [])] };
  for (const node of part.nodes) {
    const id = freshId(known, String(node.id).replace(/_\d+$/, ""));
    ids.set(node.id, id);
    known.nodes!.push({ ...node, id });
  }
  const corner = { x: Infinity, y: Infinity };
  for (const node of part.nodes) {
    corner.x = Math.min(corner.x, part.places[node.id]?.x ?? 0);
    corner.y = Math.min(corner.y, part.places[node.id]?.y ?? 0);
  }
  const ops: Op[] = [];
  for (const node of outermostFirst(part.nodes)) {
    const { x, y, ...size } = part.places[node.id] ?? corner;
    const position = { ...whole({ x: at.x + x - corner.x, y: at.y + y - corner.y }), ...size };
    const parent = node.parent ? (ids.get(node.parent) ?? (stay ? node.parent : null)) : null;
    const params = renamedReferences(node.params ?? {}, ids);
    ops.push({ op: "node.add", node: { ...node, id: ids.get(node.id)!, parent, params }, position });
  }
  const added: FlowEdge[] = [];
  for (const edge of part.edges) {
    const [source, target] = [ids.get(edge.source), ids.get(edge.target)];
    if (source === undefined || target === undefined) continue;
    added.push({ ...edge, id: freshEdgeId(flow, added), source, target });
  }
  for (const edge of added) ops.push({ op: "edge.add", edge });
  const op = batch(ops);
  return op === null ? null : { op, ids: [...ids.values()] };
}

// A node can only be added into a container that is there.
function outermostFirst(nodes: readonly FlowNode[]): FlowNode[] {
  const parents = new Map(nodes.map((node) => [node.id, node.parent ?? null]));
  const depth = (id: string): number => {
    let steps = 0;
    for (let above = parents.get(id); above != null && steps < nodes.length; above = parents.get(above)) steps += 1;
    return steps;
  };
  return [...nodes].sort((one, other) => depth(one.id) - depth(other.id));
}

export function renamedReferences<T>(value: T, ids: ReadonlyMap<string, string>): T {
  const text = JSON.stringify(value).replace(/\{\{.*?\}\}|\{%.*?%\}/gs, (expression) =>
    expression.replace(/\bnodes\.([a-z][a-z0-9_]*)/g, (whole_, id: string) => (ids.has(id) ? `nodes.${ids.get(id)!}` : whole_)),
  );
  return JSON.parse(text) as T;
}
