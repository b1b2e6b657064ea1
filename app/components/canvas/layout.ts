// Where nodes stand: as the file says; those it says nothing of are laid out from left to right.
// Bodies of containers are laid out first, then each container as one box among its neighbours.

import dagre from "@dagrejs/dagre";
import type { Flow, FlowEdge, FlowNode, Position } from "./types";

export const CARD_WIDTH = 248;
const GRID = 20;
// A body begins here in its frame; frames.ts draws it so.
const BODY = { left: 120, top: 100, right: 40, bottom: 40, width: 440, height: 220 };

interface Box {
  width: number;
  height: number;
}

export interface Wish {
  // What was measured of a node; guessed otherwise.
  sizeOf?: (node: FlowNode) => Box;
  // Lay out these only; a container takes along what is inside it. The others stay.
  only?: ReadonlySet<string>;
}

export function estimatedHeight(node: FlowNode): number {
  const lists = Object.values(node.params ?? {}).filter(Array.isArray);
  return 84 + Math.max(0, ...lists.map((list) => list.length + 1)) * 24;
}

const snapped = (value: number) => Math.round(value / GRID) * GRID;
const snappedUp = (value: number) => Math.ceil(value / GRID) * GRID;

// One level, its corner at 0,0. Nodes stand in columns by who leads to whom.
function level(nodes: readonly FlowNode[], edges: readonly FlowEdge[], sizeOf: (node: FlowNode) => Box): { places: Map<string, Position>; box: Box } {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 40, ranksep: 80 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { ...sizeOf(node) });
  for (const edge of edges) {
    if (edge.source !== edge.target && graph.hasNode(edge.source) && graph.hasNode(edge.target)) graph.setEdge(edge.source, edge.target);
  }
  if (nodes.length > 0) dagre.layout(graph);
  const places = new Map<string, Position>();
  const box = { width: 0, height: 0 };
  for (const node of nodes) {
    const { width, height } = sizeOf(node);
    const { x, y } = graph.node(node.id);
    const at = { x: snapped(x - width / 2), y: snapped(y - height / 2) };
    places.set(node.id, at);
    box.width = Math.max(box.width, at.x + width);
    box.height = Math.max(box.height, at.y + height);
  }
  return { places, box };
}

// The parent that a node is laid out in: one that is there and does not lead back to it.
function parents(flow: Flow): Map<string, string | null> {
  const said = new Map((flow.nodes ?? []).map((node) => [node.id, node.parent ?? null]));
  const found = new Map<string, string | null>();
  for (const id of said.keys()) {
    const seen = new Set([id]);
    let above = said.get(id) ?? null;
    while (above !== null && said.has(above) && !seen.has(above)) {
      seen.add(above);
      above = said.get(above) ?? null;
    }
    found.set(id, above === null ? (said.get(id) ?? null) : null);
  }
  return found;
}

// A place for every node of the flow, or for those asked for and what is inside them.
export function arranged(flow: Flow, { sizeOf, only }: Wish = {}): Map<string, Position> {
  const parent = parents(flow);
  const bodies = new Map<string | null, FlowNode[]>();
  for (const node of flow.nodes ?? []) {
    const above = parent.get(node.id) ?? null;
    bodies.set(above, [...(bodies.get(above) ?? []), node]);
  }
  const edges = flow.edges ?? [];
  const now = only === undefined ? undefined : placesOf(flow);
  const asked = (id: string | null): boolean => id !== null && (only === undefined || only.has(id) || asked(parent.get(id) ?? null));
  const inner = new Map<string | null, { places: Map<string, Position>; box: Box }>();
  const measured = (node: FlowNode): Box => {
    const body = inner.get(node.id)?.box;
    if (body === undefined) return sizeOf?.(node) ?? { width: CARD_WIDTH, height: estimatedHeight(node) };
    const width = Math.max(BODY.width, BODY.left + body.width + BODY.right);
    return { width: snappedUp(width), height: snappedUp(Math.max(BODY.height, BODY.top + body.height + BODY.bottom)) };
  };
  const lay = (id: string | null): void => {
    const body = bodies.get(id) ?? [];
    for (const node of body) if (bodies.has(node.id)) lay(node.id);
    const free = only === undefined || asked(id) ? body : body.filter((node) => only.has(node.id));
    if (free.length > 0) inner.set(id, level(free, edges, measured));
  };
  lay(null);
  const places = new Map<string, Position>();
  const put = (id: string | null, corner: Position): void => {
    for (const [name, at] of inner.get(id)?.places ?? []) {
      places.set(name, { x: corner.x + at.x, y: corner.y + at.y });
      if (only === undefined || asked(name)) put(name, { x: corner.x + at.x + BODY.left, y: corner.y + at.y + BODY.top });
    }
  };
  if (only === undefined) put(null, { x: 0, y: 0 });
  else {
    for (const id of inner.keys()) if (!asked(id)) put(id, cornerOf([...(inner.get(id)?.places.keys() ?? [])], now!));
  }
  return places;
}

function cornerOf(ids: readonly string[], place: (id: string) => Position): Position {
  const places = ids.map(place);
  return { x: snapped(Math.min(...places.map(({ x }) => x))), y: snapped(Math.min(...places.map(({ y }) => y))) };
}

export function placesOf(flow: Flow): (id: string) => Position {
  const said = flow.view?.nodes ?? {};
  let rest: Map<string, Position> | undefined;
  return (id) => {
    const place = said[id];
    if (place !== undefined) return place;
    rest ??= arranged(flow);
    return rest.get(id) ?? { x: 0, y: 0 };
  };
}
