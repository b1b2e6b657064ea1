// Where nodes stand: as the file says; those it says nothing of are laid out from left to right.

import dagre from "@dagrejs/dagre";
import type { Flow, FlowNode, Position } from "./types";

export const CARD_WIDTH = 248;
const GRID = 20;

function height(node: FlowNode): number {
  const lists = Object.values(node.params ?? {}).filter(Array.isArray);
  return 84 + Math.max(0, ...lists.map((list) => list.length + 1)) * 24;
}

const snapped = (value: number) => Math.round(value / GRID) * GRID;

// A place for every node of the flow, edges leading from left to right.
export function arranged(flow: Flow): Map<string, Position> {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 40, ranksep: 80 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of flow.nodes ?? []) graph.setNode(node.id, { width: CARD_WIDTH, height: height(node) });
  for (const edge of flow.edges ?? []) {
    if (graph.hasNode(edge.source) && graph.hasNode(edge.target)) graph.setEdge(edge.source, edge.target);
  }
  dagre.layout(graph);
  const places = new Map<string, Position>();
  for (const node of flow.nodes ?? []) {
    const { x, y } = graph.node(node.id);
    places.set(node.id, { x: snapped(x - CARD_WIDTH / 2), y: snapped(y - height(node) / 2) });
  }
  return places;
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
