// The flow as React Flow's nodes and edges. What a person is dragging or selecting lives here, not in the document:
// nothing the server pushes can reset a drag.

import { applyEdgeChanges, applyNodeChanges, type EdgeChange, type NodeChange } from "@xyflow/react";
import { useCallback, useEffect, useRef, useState } from "react";
import { placesOf } from "./layout";
import type { CanvasEdge } from "./FlowEdgeView";
import type { CardNode } from "./NodeCard";
import type { NoteNode } from "./NoteCard";
import type { Flow, FlowEdge } from "./types";

export type AnyNode = CardNode | NoteNode;
export const NOTE_PREFIX = "note:";

function usedPorts(edges: readonly FlowEdge[]): Map<string, string[]> {
  const used = new Map<string, string[]>();
  for (const edge of edges) {
    const port = edge.source_port ?? "out";
    const ports = used.get(edge.source) ?? [];
    if (!ports.includes(port)) used.set(edge.source, [...ports, port]);
  }
  return used;
}

const same = (one: readonly string[], other: readonly string[]) => one.join("\n") === other.join("\n");

function nodesOf(flow: Flow, before: readonly AnyNode[], selected: ReadonlySet<string> | null): AnyNode[] {
  const known = new Map(before.map((node) => [node.id, node]));
  const place = placesOf(flow);
  const used = usedPorts(flow.edges ?? []);
  const cards = (flow.nodes ?? []).map((node): AnyNode => {
    const old = known.get(node.id) as CardNode | undefined;
    const ports = used.get(node.id) ?? [];
    const position = old?.dragging ? old.position : place(node.id);
    const isSelected = selected === null ? (old?.selected ?? false) : selected.has(node.id);
    if (old && old.data.node === node && same(old.data.used, ports)) {
      const still = old.position.x === position.x && old.position.y === position.y && (old.selected ?? false) === isSelected;
      return still ? old : { ...old, position, selected: isSelected };
    }
    return { ...old, id: node.id, type: "card", position, selected: isSelected, data: { node, used: ports } };
  });
  const notes = (flow.view?.notes ?? []).map((note): AnyNode => {
    const id = NOTE_PREFIX + note.id;
    const old = known.get(id) as NoteNode | undefined;
    if (old && old.data.note === note) return old;
    const position = old?.dragging ? old.position : { x: note.x ?? 0, y: note.y ?? 0 };
    const { width = 240, height = 120 } = note;
    return { ...old, id, type: "note", position, width, height, zIndex: -1, data: { note } };
  });
  return [...notes, ...cards];
}

function edgesOf(flow: Flow, before: readonly CanvasEdge[]): CanvasEdge[] {
  const known = new Map(before.map((edge) => [edge.id, edge]));
  const ids = new Set((flow.nodes ?? []).map((node) => node.id));
  const shown = (flow.edges ?? []).filter((edge) => ids.has(edge.source) && ids.has(edge.target));
  return shown.map((edge) => {
    const old = known.get(edge.id);
    const port = edge.source_port ?? "out";
    if (old && old.source === edge.source && old.sourceHandle === port && old.target === edge.target) return old;
    return { id: edge.id, type: "flow", source: edge.source, sourceHandle: port, target: edge.target, targetHandle: "in" };
  });
}

export interface CanvasModel {
  nodes: AnyNode[];
  edges: CanvasEdge[];
  onNodesChange: (changes: NodeChange<AnyNode>[]) => void;
  onEdgesChange: (changes: EdgeChange<CanvasEdge>[]) => void;
  // Selects these nodes, also ones that the next state of the flow will bring.
  select: (ids: readonly string[]) => void;
}

export function useCanvas(flow: Flow): CanvasModel {
  const [nodes, setNodes] = useState<AnyNode[]>(() => nodesOf(flow, [], null));
  const [edges, setEdges] = useState<CanvasEdge[]>(() => edgesOf(flow, []));
  const wanted = useRef<ReadonlySet<string> | null>(null);
  const shown = useRef(flow);
  useEffect(() => {
    if (shown.current === flow && wanted.current === null) return;
    shown.current = flow;
    const selected = wanted.current;
    wanted.current = null;
    setNodes((before) => nodesOf(flow, before, selected));
    setEdges((before) => edgesOf(flow, before));
  }, [flow]);
  const select = useCallback((ids: readonly string[]) => {
    const here = new Set((shown.current.nodes ?? []).map((node) => node.id));
    wanted.current = ids.every((id) => here.has(id)) ? null : new Set(ids);
    setNodes((before) => before.map((node) => (node.selected === ids.includes(node.id) ? node : { ...node, selected: ids.includes(node.id) })));
  }, []);
  const onNodesChange = useCallback(
    (changes: NodeChange<AnyNode>[]) => setNodes((before) => applyNodeChanges(withoutRemovals(changes), before)),
    [],
  );
  const onEdgesChange = useCallback(
    (changes: EdgeChange<CanvasEdge>[]) => setEdges((before) => applyEdgeChanges(withoutRemovals(changes), before)),
    [],
  );
  return { nodes, edges, onNodesChange, onEdgesChange, select };
}

// Removing is an edit of the document; the canvas follows from it.
function withoutRemovals<C extends { type: string }>(changes: C[]): C[] {
  return changes.filter((change) => change.type !== "remove");
}
