// The flow as React Flow's nodes and edges. What a person is dragging or selecting lives here, not in the document:
// nothing the server pushes can reset a drag. Children of a frame are placed from its corner, as React Flow wants them.

import { applyEdgeChanges, applyNodeChanges, type EdgeChange, type NodeChange } from "@xyflow/react";
import { useCallback, useEffect, useRef, useState } from "react";
import type { CanvasEdge } from "./FlowEdgeView";
import type { FrameNode } from "./FrameCard";
import { framed, guessedSize, isContainer, type Framing, type Types } from "./frames";
import { glide } from "./glide";
import { GROUP_PREFIX, groupRect, NOTE_PREFIX, type GroupNode } from "./groups";
import { placesOf } from "./layout";
import type { CardNode } from "./NodeCard";
import type { NoteNode } from "./NoteCard";
import type { Flow, FlowEdge, FlowNode, Position } from "./types";

export type AnyNode = CardNode | FrameNode | NoteNode | GroupNode;
export { NOTE_PREFIX };

// Whether it stands for a node of the flow: a card, or the frame of a container.
export const isFlowNode = (node: AnyNode): node is CardNode | FrameNode => node.type === "card" || node.type === "frame";

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
const at = (one: Position, other: Position) => one.x === other.x && one.y === other.y;

interface Drawing {
  flow: Flow;
  types: Types;
  known: ReadonlyMap<string, AnyNode>;
  framing: Framing;
  place: (id: string) => Position;
  selected: ReadonlySet<string> | null;
  used: ReadonlyMap<string, string[]>;
}

function cardOf(node: FlowNode, { types, known, framing, place, selected, used }: Drawing): AnyNode {
  const frame = framing.rects.get(node.id);
  const type = frame === undefined ? "card" : "frame";
  const before = known.get(node.id);
  const old = before?.type === type ? (before as CardNode | FrameNode) : undefined;
  const ports = used.get(node.id) ?? [];
  const parentId = framing.around(node.id) ?? undefined;
  const corner = parentId === undefined ? { x: 0, y: 0 } : framing.rects.get(parentId)!;
  const stands = frame ?? place(node.id);
  // In mid-drag a node stays under the hand, also when its frame is redrawn.
  const held = old?.dragging === true && old.parentId === parentId;
  const position = held ? old.position : { x: stands.x - corner.x, y: stands.y - corner.y };
  const isSelected = selected === null ? (before?.selected ?? false) : selected.has(node.id);
  const size = frame === undefined ? undefined : { width: frame.width, height: frame.height };
  if (old && old.data.node === node && same(old.data.used, ports) && old.parentId === parentId) {
    const still = at(old.position, position) && (old.selected ?? false) === isSelected;
    const sized = size === undefined || (old.width === size.width && old.height === size.height);
    if (still && sized) return old;
  }
  const data = old && old.data.node === node && same(old.data.used, ports) ? old.data : { node, used: ports };
  const drawn = { ...old, id: node.id, position, selected: isSelected, data, ...size };
  if (parentId === undefined) delete (drawn as { parentId?: string }).parentId;
  else Object.assign(drawn, { parentId });
  const whole = type === "frame" ? { ...drawn, type: "frame", zIndex: -1, dragHandle: ".pm-frame-head" } : { ...drawn, type: "card" };
  return isContainer(node, types) ? (whole as FrameNode) : (whole as CardNode);
}

function notesOf(flow: Flow, known: ReadonlyMap<string, AnyNode>): AnyNode[] {
  return (flow.view?.notes ?? []).map((note): AnyNode => {
    const id = NOTE_PREFIX + note.id;
    const old = known.get(id) as NoteNode | undefined;
    if (old && old.data.note === note) return old;
    const position = old?.dragging ? old.position : { x: note.x ?? 0, y: note.y ?? 0 };
    const { width = 240, height = 120 } = note;
    return { ...old, id, type: "note", position, width, height, zIndex: -1, data: { note } };
  });
}

function groupsOf({ flow, known, framing, place }: Drawing, measured: (id: string) => { width: number; height: number } | undefined): AnyNode[] {
  const nodes = new Map((flow.nodes ?? []).map((node) => [node.id, node]));
  return (flow.view?.groups ?? []).flatMap((group): AnyNode[] => {
    const boxes = (group.nodes ?? []).flatMap((id) => {
      const node = nodes.get(id);
      return node === undefined ? [] : [framing.rects.get(id) ?? { ...place(id), ...(measured(id) ?? guessedSize(node)) }];
    });
    const rect = groupRect(boxes);
    if (rect === null) return [];
    const id = GROUP_PREFIX + group.id;
    const old = known.get(id) as GroupNode | undefined;
    if (old?.dragging) return [{ ...old, data: { group } }];
    const { x, y, width, height } = rect;
    if (old && old.data.group === group && at(old.position, rect) && old.width === width && old.height === height) return [old];
    return [{ ...old, id, type: "cluster", position: { x, y }, width, height, zIndex: -2, dragHandle: ".pm-group-head", data: { group } }];
  });
}

// Frames come before what is in them: React Flow asks for that.
export function nodesOf(flow: Flow, types: Types, before: readonly AnyNode[], selected: ReadonlySet<string> | null): AnyNode[] {
  const known = new Map(before.map((node) => [node.id, node]));
  const measured = (id: string) => {
    const { width, height } = known.get(id)?.measured ?? {};
    return width === undefined || height === undefined || known.get(id)?.type !== "card" ? undefined : { width, height };
  };
  const framing = framed(flow, types, (node) => measured(node.id) ?? guessedSize(node));
  const drawing: Drawing = { flow, types, known, framing, place: placesOf(flow), selected, used: usedPorts(flow.edges ?? []) };
  const drawn = (flow.nodes ?? []).map((node) => cardOf(node, drawing));
  const frames = drawn.filter((node) => node.type === "frame").sort((one, other) => framing.depth(one.id) - framing.depth(other.id));
  const cards = drawn.filter((node) => node.type !== "frame");
  return [...groupsOf(drawing, measured), ...notesOf(flow, known), ...frames, ...cards];
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
  // The next state of the flow is glided to, not jumped to.
  glide: () => void;
}

// Frames follow what is measured of their bodies, except while a hand or a glide moves something.
function reframed(flow: Flow, types: Types, nodes: AnyNode[], changes: readonly NodeChange<AnyNode>[]): AnyNode[] {
  const grew = changes.some((change) => change.type === "dimensions" && change.resizing === undefined);
  if (!grew || nodes.some((node) => node.dragging || node.resizing)) return nodes;
  const frames = nodes.some((node) => node.type === "frame" || node.type === "cluster");
  return frames ? nodesOf(flow, types, nodes, null) : nodes;
}

export function useCanvas(flow: Flow, types: Types): CanvasModel {
  const [nodes, setNodes] = useState<AnyNode[]>(() => nodesOf(flow, types, [], null));
  const [edges, setEdges] = useState<CanvasEdge[]>(() => edgesOf(flow, []));
  const wanted = useRef<ReadonlySet<string> | null>(null);
  const shown = useRef(flow);
  const gliding = useRef<{ asked: boolean; stop: (() => void) | null }>({ asked: false, stop: null });
  useEffect(() => {
    if (shown.current === flow && wanted.current === null) return;
    shown.current = flow;
    const selected = wanted.current;
    wanted.current = null;
    gliding.current.stop?.();
    const glides = gliding.current.asked;
    gliding.current = { asked: false, stop: null };
    setEdges((before) => edgesOf(flow, before));
    if (!glides) setNodes((before) => nodesOf(flow, types, before, selected));
    else {
      const arrived = () => {
        gliding.current.stop = null;
      };
      gliding.current.stop = glide((change) => setNodes(change), (before) => nodesOf(flow, types, before, selected), arrived);
    }
  }, [flow, types]);
  useEffect(() => () => gliding.current.stop?.(), []);
  const select = useCallback((ids: readonly string[]) => {
    const here = new Set((shown.current.nodes ?? []).map((node) => node.id));
    wanted.current = ids.every((id) => here.has(id)) ? null : new Set(ids);
    setNodes((before) => before.map((node) => ((node.selected ?? false) === ids.includes(node.id) ? node : { ...node, selected: ids.includes(node.id) })));
  }, []);
  const onNodesChange = useCallback(
    (changes: NodeChange<AnyNode>[]) =>
      setNodes((before) => {
        const after = applyNodeChanges(withoutRemovals(changes), before);
        return gliding.current.stop === null ? reframed(shown.current, types, after, changes) : after;
      }),
    [types],
  );
  const onEdgesChange = useCallback(
    (changes: EdgeChange<CanvasEdge>[]) => setEdges((before) => applyEdgeChanges(withoutRemovals(changes), before)),
    [],
  );
  const askToGlide = useCallback(() => {
    gliding.current.asked = !window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  }, []);
  return { nodes, edges, onNodesChange, onEdgesChange, select, glide: askToGlide };
}

// Removing is an edit of the document; the canvas follows from it.
function withoutRemovals<C extends { type: string }>(changes: C[]): C[] {
  return changes.filter((change) => change.type !== "remove");
}
