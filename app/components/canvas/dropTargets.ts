// Where something would land: the frame under a place, the edge under the pointer. What would take it is marked in the
// DOM directly, so that nothing renders while the hand moves.

import type { ReactFlowInstance } from "@xyflow/react";
import type { CanvasEdge } from "./FlowEdgeView";
import { contains, type Rect } from "./frames";
import type { Position } from "./types";
import type { AnyNode } from "./useCanvas";

export type CanvasInstance = ReactFlowInstance<AnyNode, CanvasEdge>;

export function rectOf(canvas: CanvasInstance, id: string): Rect | null {
  const node = canvas.getInternalNode(id);
  if (node === undefined) return null;
  const { width = 248, height = 84 } = node.measured;
  return { ...node.internals.positionAbsolute, width: node.width ?? width, height: node.height ?? height };
}

// All frames, the innermost first, without some and what is inside them.
export function framesOn(canvas: CanvasInstance, without: ReadonlySet<string> = new Set()): { id: string; rect: Rect }[] {
  const frames = canvas.getNodes().filter((node) => node.type === "frame" && !without.has(node.id));
  const known = new Map(frames.map((node) => [node.id, node.parentId]));
  const depth = (id: string): number => (known.get(id) === undefined ? 0 : 1 + depth(known.get(id)!));
  return frames
    .sort((one, other) => depth(other.id) - depth(one.id))
    .flatMap(({ id }) => {
      const rect = rectOf(canvas, id);
      return rect === null ? [] : [{ id, rect }];
    });
}

export function frameUnder(frames: readonly { id: string; rect: Rect }[], point: Position): string | null {
  return frames.find(({ rect }) => contains(rect, point))?.id ?? null;
}

// The browser knows what lies under a point, whatever covers it.
export function edgeUnder({ x, y }: Position): string | null {
  for (const element of document.elementsFromPoint(x, y)) {
    const edge = element.closest<SVGElement>(".react-flow__edge");
    if (edge !== null) return edge.dataset["id"] ?? null;
  }
  return null;
}

let marked: Element | null = null;

function mark(element: Element | null): void {
  if (element === marked) return;
  marked?.removeAttribute("data-drop");
  element?.setAttribute("data-drop", "true");
  marked = element;
}

export const markFrame = (id: string | null): void => mark(id === null ? null : document.querySelector(`.pm-canvas [data-testid="node-${id}"]`));
export const markEdge = (id: string): void => mark(document.querySelector(`.react-flow__edge[data-id="${CSS.escape(id)}"]`));

// A mouse or touch event, the browser's own or React's.
export type Pointed = { clientX: number; clientY: number } | { changedTouches: TouchList };

export function pointerOf(event: Pointed): Position {
  const point = "changedTouches" in event ? event.changedTouches[0]! : event;
  return { x: point.clientX, y: point.clientY };
}
