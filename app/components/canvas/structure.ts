// The operations behind what a person does to the build of a flow: moving into and out of frames, putting a node on an
// edge, trading a node for another type, switching off. Pure; each gives one operation, or null where nothing changes.

import { batch, freshEdgeIds, idFor } from "./edits";
import { FRAME, framed, inside, isContainer, type Types } from "./frames";
import { NOTE_PREFIX } from "./groups";
import { CARD_WIDTH, placesOf } from "./layout";
import type { Flow, FlowEdge, FlowNode, JsonObject, NodeType, Op, Position } from "./types";

const portOf = (edge: FlowEdge) => edge.source_port ?? "out";
const nodeMap = (flow: Flow) => new Map((flow.nodes ?? []).map((node) => [node.id, node]));

// The container that an edge's target must stand in: the one around its source, or the source itself where a body begins.
function levelAfter(source: FlowNode, port: string, parent: string | null, types: Types): string | null {
  return types.get(source.type)?.container?.port === port ? source.id : parent;
}

// The port by which a node goes on as usual.
export function mainPort(type: NodeType | undefined, node?: FlowNode): string | null {
  if (type === undefined) return "out";
  if (type.container !== null) return type.container.done;
  if (type.ports.some((port) => port.id === "out")) return "out";
  if (type.port_list !== null) {
    const items = (node?.params ?? type.defaults)[type.port_list.param];
    const first = Array.isArray(items) ? (items[0] as JsonObject | undefined)?.[type.port_list.id_field] : undefined;
    if (typeof first === "string") return first;
  }
  return type.ports[0]?.id ?? null;
}

export interface Move {
  id: string;
  // How far it went, and with it what is inside it.
  by: Position;
}

export function movesOf(flow: Flow, moves: readonly Move[]): Op[] {
  const place = placesOf(flow);
  const by = new Map<string, Position>();
  for (const { id, by: step } of moves) for (const each of [id, ...inside(flow, id)]) by.set(each, step);
  const ops: Op[] = [];
  for (const [id, step] of by) {
    const { x, y } = place(id);
    const to = { x: Math.round(x + step.x), y: Math.round(y + step.y) };
    if (to.x !== x || to.y !== y || flow.view?.nodes?.[id] === undefined) ops.push({ op: "node.move", id, ...to });
  }
  return ops;
}

// Moves of nodes and notes alike.
export function shifted(flow: Flow, moves: readonly Move[]): Op[] {
  const notes = new Map((flow.view?.notes ?? []).map((note) => [NOTE_PREFIX + note.id, note]));
  const ops = movesOf(flow, moves.filter(({ id }) => !id.includes(":")));
  for (const { id, by } of moves) {
    const note = notes.get(id);
    if (note !== undefined) ops.push({ op: "note.update", id: note.id, fields: { x: Math.round((note.x ?? 0) + by.x), y: Math.round((note.y ?? 0) + by.y) } });
  }
  return ops;
}

export interface Dropped {
  op: Op | null;
  // How many edges led across the border of a frame and had to go.
  cut: number;
}

// Nodes put down in a frame, or outside of any (`parent` null). Edges that would cross its border go; where the moved
// nodes stood in a line, what was before them is joined to what was after.
export function dropped(flow: Flow, types: Types, moves: readonly Move[], parent: string | null): Dropped {
  const nodes = nodeMap(flow);
  const changes = moves.filter(({ id }) => {
    const node = nodes.get(id);
    if (node === undefined || (node.parent ?? null) === parent) return false;
    return parent === null || !(types.get(node.type)?.trigger ?? false);
  });
  const ops = movesOf(flow, moves);
  if (changes.length === 0) return { op: batch(ops), cut: 0 };
  const moved = new Set(changes.map(({ id }) => id));
  for (const id of moved) ops.push({ op: "node.reparent", id, parent });
  const after = (id: string) => (moved.has(id) ? parent : (nodes.get(id)?.parent ?? null));
  const fits = (edge: FlowEdge) => {
    const source = nodes.get(edge.source);
    return source === undefined || after(edge.target) === levelAfter(source, portOf(edge), after(edge.source), types);
  };
  const touched = (flow.edges ?? []).filter((edge) => moved.has(edge.source) !== moved.has(edge.target));
  const cut = touched.filter((edge) => !fits(edge));
  for (const edge of cut) ops.push({ op: "edge.remove", id: edge.id });
  ops.push(...healed(flow, cut, moved), ...entered(flow, types, moved, parent, cut));
  return { op: batch(ops), cut: cut.length };
}

// What led to the moved nodes leads on to what came after them, where that is one thing.
function healed(flow: Flow, cut: readonly FlowEdge[], moved: ReadonlySet<string>): Op[] {
  const before = cut.filter((edge) => moved.has(edge.target));
  const behind = new Set(cut.filter((edge) => moved.has(edge.source)).map((edge) => edge.target));
  const [target] = behind;
  if (behind.size !== 1 || target === undefined) return [];
  const known = new Set((flow.edges ?? []).map((edge) => `${edge.source}.${portOf(edge)}>${edge.target}`));
  const joined = before.filter((edge) => edge.source !== target && !known.has(`${edge.source}.${portOf(edge)}>${target}`));
  const ids = freshEdgeIds(flow, joined.length);
  return joined.map((edge, index) => ({ op: "edge.add", edge: { id: ids[index]!, source: edge.source, source_port: portOf(edge), target, target_port: "in" } }));
}

// The first nodes in an empty frame are where its body begins.
function entered(flow: Flow, types: Types, moved: ReadonlySet<string>, parent: string | null, cut: readonly FlowEdge[]): Op[] {
  const container = parent === null ? undefined : nodeMap(flow).get(parent);
  const port = container === undefined ? undefined : types.get(container.type)?.container?.port;
  if (container === undefined || port === undefined || (flow.nodes ?? []).some((node) => node.parent === parent)) return [];
  const gone = new Set(cut.map((edge) => edge.id));
  const led = new Set((flow.edges ?? []).filter((edge) => !gone.has(edge.id)).map((edge) => edge.target));
  const first = [...moved].filter((id) => !led.has(id));
  const ids = freshEdgeIds(flow, cut.length + first.length).slice(cut.length);
  return first.map((id, index) => ({ op: "edge.add", edge: { id: ids[index]!, source: container.id, source_port: port, target: id, target_port: "in" } }));
}

// Room between two nodes for one more: everything from the second on moves to the right.
const GAP = 72;

function makeRoom(flow: Flow, types: Types, edge: FlowEdge): { at: Position; moves: Move[] } {
  const place = placesOf(flow);
  const { around, rects } = framed(flow, types);
  const entry = isContainer(nodeMap(flow).get(edge.source), types) && around(edge.target) === edge.source;
  const [from, to] = [rects.get(edge.source) ?? { ...place(edge.source), width: CARD_WIDTH }, place(edge.target)];
  const start = from.x + (entry ? FRAME.left - GAP : from.width);
  const by = Math.ceil(Math.max(0, start + CARD_WIDTH + 2 * GAP - to.x) / 20) * 20;
  const free = { x: (start + to.x - CARD_WIDTH) / 2, y: entry ? to.y : (from.y + to.y) / 2 };
  if (by === 0) return { at: free, moves: [] };
  const at = { x: start + GAP, y: to.y };
  const level = around(edge.target);
  const reached = new Set([edge.target]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const each of flow.edges ?? []) {
      if (!reached.has(each.source) || reached.has(each.target) || around(each.target) !== level || place(each.target).x < to.x) continue;
      reached.add(each.target);
      grew = true;
    }
  }
  return { at, moves: [...reached].map((id) => ({ id, by: { x: by, y: 0 } })) };
}

// The edges that lead through a node put on an edge.
function threaded(flow: Flow, edge: FlowEdge, id: string, port: string | null): Op[] {
  const [first, second] = freshEdgeIds(flow, 2);
  const ops: Op[] = [
    { op: "edge.remove", id: edge.id },
    { op: "edge.add", edge: { id: first!, source: edge.source, source_port: portOf(edge), target: id, target_port: "in" } },
  ];
  if (port !== null) ops.push({ op: "edge.add", edge: { id: second!, source: id, source_port: port, target: edge.target, target_port: edge.target_port ?? "in" } });
  return ops;
}

// A new node in the middle of an edge.
export function insertOnEdge(flow: Flow, types: Types, edgeId: string, type: NodeType, at?: Position): { op: Op; id: string } | null {
  const edge = (flow.edges ?? []).find((each) => each.id === edgeId);
  const nodes = nodeMap(flow);
  const target = edge === undefined ? undefined : nodes.get(edge.target);
  if (edge === undefined || target === undefined || !type.has_input) return null;
  const { at: middle, moves } = makeRoom(flow, types, edge);
  const wished = moves.length === 0 && at !== undefined ? at : middle;
  const position = { x: Math.round(wished.x / 20) * 20, y: Math.round(wished.y / 20) * 20 };
  const id = idFor(flow, type);
  const node: FlowNode = { id, type: type.key, v: type.version, title: "", params: structuredClone(type.defaults), policy: {}, parent: target.parent ?? null };
  const ops: Op[] = [...movesOf(flow, moves), { op: "node.add", node, position }, ...threaded(flow, edge, id, mainPort(type, node))];
  return { op: batch(ops)!, id };
}

// A node that stands alone, dropped on an edge.
export function putOnEdge(flow: Flow, types: Types, edgeId: string, move: Move): Op | null {
  const edge = (flow.edges ?? []).find((each) => each.id === edgeId);
  const nodes = nodeMap(flow);
  const node = nodes.get(move.id);
  const target = edge === undefined ? undefined : nodes.get(edge.target);
  if (edge === undefined || node === undefined || target === undefined || !canStandOn(flow, types, node)) return null;
  const parent = target.parent ?? null;
  if (inside(flow, node.id).has(target.id) || parent === node.id) return null;
  const ops = movesOf(flow, [move]);
  if ((node.parent ?? null) !== parent) ops.push({ op: "node.reparent", id: node.id, parent });
  return batch([...ops, ...threaded(flow, edge, node.id, mainPort(types.get(node.type), node))]);
}

export function canStandOn(flow: Flow, types: Types, node: FlowNode): boolean {
  if (types.get(node.type)?.has_input === false) return false;
  const body = inside(flow, node.id);
  return !(flow.edges ?? []).some((edge) => (edge.source === node.id && !body.has(edge.target)) || edge.target === node.id);
}

export function enabledAll(flow: Flow, ids: readonly string[]): boolean {
  const chosen = new Set(ids);
  return (flow.nodes ?? []).every((node) => !chosen.has(node.id) || node.enabled !== false);
}

export function setEnabled(flow: Flow, ids: readonly string[], enabled: boolean): Op | null {
  const chosen = new Set(ids);
  const changed = (flow.nodes ?? []).filter((node) => chosen.has(node.id) && (node.enabled !== false) !== enabled);
  return batch(changed.map((node) => ({ op: "node.set_enabled", id: node.id, enabled })));
}
