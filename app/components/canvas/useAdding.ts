// New nodes on the canvas: from the palette by click, key or drag, behind a port, on an edge, into a frame.

import { useCallback, type DragEvent } from "react";
import { useEditor } from "./context";
import { edgeUnder, frameUnder, framesOn, markEdge, markFrame, pointerOf, rectOf, type CanvasInstance } from "./dropTargets";
import { addNode } from "./edits";
import { FRAME } from "./frames";
import { NODE_MIME } from "./Palette";
import { insertOnEdge } from "./structure";
import type { Flow, NodeType, Place, Position } from "./types";
import { isFlowNode, type CanvasModel } from "./useCanvas";

export interface Adding {
  // Where a port leads to, or the container it stands in.
  insert: (type: NodeType, at: Position, where?: { from?: { node: string; port: string }; into?: string | null }) => void;
  onEdge: (edgeId: string, type: NodeType, at?: Position) => void;
  add: (type: NodeType) => void;
  onDragOver: (event: DragEvent) => void;
  onDragLeave: () => void;
  onDrop: (event: DragEvent) => void;
}

const snapped = ({ x, y }: Position): Position => ({ x: Math.round(x / 20) * 20, y: Math.round(y / 20) * 20 });

export function useAdding(canvas: CanvasInstance, model: CanvasModel, centre: () => Position, onSelect: (ids: string[]) => void): Adding {
  const { store, types } = useEditor();
  const { select } = model;
  const shown = useCallback(
    (made: { op: Parameters<typeof store.dispatch>[0]; id: string } | null) => {
      if (made === null) return;
      select([made.id]);
      if (store.dispatch(made.op)) onSelect([made.id]);
    },
    [store, select, onSelect],
  );
  const insert = useCallback<Adding["insert"]>(
    (type, at, { from, into } = {}) => {
      const { flow } = store.getSnapshot();
      shown(addNode(flow, types, type, at, from ?? entryOf(flow, types, into ?? null), into ?? null));
    },
    [store, types, shown],
  );
  const onEdge = useCallback<Adding["onEdge"]>(
    (edgeId, type, at) => {
      const made = insertOnEdge(store.getSnapshot().flow, types, edgeId, type, at);
      if (made !== null) model.glide();
      shown(made);
    },
    [store, types, shown, model.glide],
  );
  // From the palette by click or key: beside the selected node and joined to its free port, else in the middle.
  const add = useCallback(
    (type: NodeType) => {
      const { flow } = store.getSnapshot();
      const only = canvas.getNodes().filter((node) => node.selected && isFlowNode(node));
      const before = only.length === 1 ? only[0] : undefined;
      const rect = before === undefined ? null : rectOf(canvas, before.id);
      if (before === undefined || rect === null || !type.has_input) {
        const { x, y } = centre();
        insert(type, freePlace(flow.view?.nodes ?? {}, { x: x - 124, y: y - 40 }));
        return;
      }
      const port = freePort(canvas, before.id, flow.edges ?? []);
      const body = before.type === "frame" && port === types.get(before.data.node.type)?.container?.port;
      const at = body ? { x: rect.x + FRAME.left + 8, y: rect.y + FRAME.head + FRAME.top + 4 } : { x: rect.x + rect.width + 72, y: rect.y };
      insert(type, freePlace(flow.view?.nodes ?? {}, at), port === null ? {} : { from: { node: before.id, port } });
    },
    [store, types, canvas, centre, insert],
  );
  const target = useCallback(
    (event: DragEvent) => {
      const edge = edgeUnder(pointerOf(event));
      const frame = frameUnder(framesOn(canvas), canvas.screenToFlowPosition(pointerOf(event)));
      return { edge, frame };
    },
    [canvas],
  );
  const onDragOver = useCallback(
    (event: DragEvent) => {
      if (!event.dataTransfer.types.includes(NODE_MIME)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      const { edge, frame } = target(event);
      if (edge !== null) markEdge(edge);
      else markFrame(frame);
    },
    [target],
  );
  const onDrop = useCallback(
    (event: DragEvent) => {
      markFrame(null);
      const type = types.get(event.dataTransfer.getData(NODE_MIME));
      if (type === undefined) return;
      event.preventDefault();
      const { x, y } = canvas.screenToFlowPosition(pointerOf(event));
      const at = snapped({ x: x - 124, y: y - 24 });
      const { edge, frame } = target(event);
      if (edge !== null && type.has_input) onEdge(edge, type, at);
      else insert(type, at, { into: frame });
    },
    [types, canvas, target, insert, onEdge],
  );
  const onDragLeave = useCallback(() => markFrame(null), []);
  return { insert, onEdge, add, onDragOver, onDragLeave, onDrop };
}

// The first node in an empty frame is where its body begins.
function entryOf(flow: Flow, types: ReadonlyMap<string, NodeType>, into: string | null): { node: string; port: string } | undefined {
  const container = (flow.nodes ?? []).find((node) => node.id === into);
  const port = container === undefined ? undefined : types.get(container.type)?.container?.port;
  if (container === undefined || port === undefined || (flow.nodes ?? []).some((node) => node.parent === into)) return undefined;
  return { node: container.id, port };
}

// Down from the wished place until no other node stands there.
function freePlace(places: { [id: string]: Place }, wished: Position): Position {
  const at = snapped(wished);
  const taken = () => Object.values(places).some((each) => Math.abs(each.x - at.x) < 200 && Math.abs(each.y - at.y) < 100);
  for (let tries = 0; tries < 40 && taken(); tries += 1) at.y += 120;
  return at;
}

// The first port of a node that no edge leaves from.
function freePort(canvas: CanvasInstance, id: string, edges: readonly { source: string; source_port?: string }[]): string | null {
  const ports = canvas.getInternalNode(id)?.internals.handleBounds?.source ?? [];
  const used = new Set(edges.filter((edge) => edge.source === id).map((edge) => edge.source_port ?? "out"));
  const free = ports.find((port) => !used.has(port.id ?? "out"));
  return free === undefined ? null : (free.id ?? "out");
}
