// The frames of containers: how large each is, and what stands in it. Pure geometry; places are absolute.
// A frame always encloses its body, whatever the file says: nothing can be in a container and be drawn outside of it.

import { CARD_WIDTH, estimatedHeight, placesOf } from "./layout";
import type { Flow, FlowNode, NodeType, Position } from "./types";

export interface Size {
  width: number;
  height: number;
}
export type Rect = Position & Size;
export type Types = ReadonlyMap<string, NodeType>;
export type SizeOf = (node: FlowNode) => Size;

// The head is the container's card; `width` and `body` are what an empty frame measures.
export const FRAME = { head: 68, left: 112, right: 28, top: 28, bottom: 28, width: 440, body: 152 } as const;

export function isContainer(node: FlowNode | undefined, types: Types): boolean {
  return node !== undefined && types.get(node.type)?.container != null;
}

// The container a node is drawn in: its parent, where that is one and does not lead back to the node.
export function framesAround(flow: Flow, types: Types): (id: string) => string | null {
  const nodes = new Map((flow.nodes ?? []).map((node) => [node.id, node]));
  const holds = (id: string | null | undefined): string | null => (id != null && isContainer(nodes.get(id), types) ? id : null);
  const known = new Map<string, string | null>();
  return (id) => {
    const said = known.get(id);
    if (said !== undefined) return said;
    const parent = holds(nodes.get(id)?.parent);
    const seen = new Set<string>([id]);
    let circle = false;
    for (let step = parent; step !== null && !circle; step = holds(nodes.get(step)?.parent)) {
      circle = seen.has(step);
      seen.add(step);
    }
    const frame = circle ? null : parent;
    known.set(id, frame);
    return frame;
  };
}

// Everything inside a container, at any depth.
export function inside(flow: Flow, id: string): Set<string> {
  const found = new Set<string>();
  const children = new Map<string, string[]>();
  for (const node of flow.nodes ?? []) if (node.parent) children.set(node.parent, [...(children.get(node.parent) ?? []), node.id]);
  const stack = [id];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    for (const child of children.get(at) ?? []) {
      if (found.has(child) || child === id) continue;
      found.add(child);
      stack.push(child);
    }
  }
  return found;
}

export interface Framing {
  around: (id: string) => string | null;
  depth: (id: string) => number;
  rects: Map<string, Rect>;
}

// `sizeOf` gives what was measured or is guessed of a card.
export function framed(flow: Flow, types: Types, sizeOf: SizeOf = guessedSize): Framing {
  const around = framesAround(flow, types);
  const place = placesOf(flow);
  const depth = (id: string): number => {
    let steps = 0;
    for (let above = around(id); above !== null; above = around(above)) steps += 1;
    return steps;
  };
  const nodes = flow.nodes ?? [];
  const bodies = new Map<string, FlowNode[]>();
  for (const node of nodes) {
    const frame = around(node.id);
    if (frame !== null) bodies.set(frame, [...(bodies.get(frame) ?? []), node]);
  }
  const rects = new Map<string, Rect>();
  const containers = nodes.filter((node) => isContainer(node, types)).sort((one, other) => depth(other.id) - depth(one.id));
  for (const node of containers) {
    const body = (bodies.get(node.id) ?? []).map((child) => rects.get(child.id) ?? { ...place(child.id), ...sizeOf(child) });
    rects.set(node.id, enclosing(place(node.id), flow.view?.nodes?.[node.id] ?? {}, body));
  }
  return { around, depth, rects };
}

function enclosing(at: Position, own: Partial<Size>, body: readonly Rect[]): Rect {
  let [left, top] = [at.x, at.y];
  let right = at.x + (own.width ?? FRAME.width);
  let bottom = at.y + (own.height ?? FRAME.head + FRAME.body);
  for (const box of body) {
    left = Math.min(left, box.x - FRAME.left);
    top = Math.min(top, box.y - FRAME.head - FRAME.top);
    right = Math.max(right, box.x + box.width + FRAME.right);
    bottom = Math.max(bottom, box.y + box.height + FRAME.bottom);
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}

export function guessedSize(node: FlowNode): Size {
  return { width: CARD_WIDTH, height: estimatedHeight(node) };
}

export function contains(rect: Rect, { x, y }: Position): boolean {
  return x >= rect.x && y >= rect.y && x <= rect.x + rect.width && y <= rect.y + rect.height;
}

export function encloses(rect: Rect, other: Rect): boolean {
  return contains(rect, other) && contains(rect, { x: other.x + other.width, y: other.y + other.height });
}

export function boundsOf(rects: readonly Rect[]): Rect | null {
  if (rects.length === 0) return null;
  const x = Math.min(...rects.map((rect) => rect.x));
  const y = Math.min(...rects.map((rect) => rect.y));
  const width = Math.max(...rects.map((rect) => rect.x + rect.width)) - x;
  const height = Math.max(...rects.map((rect) => rect.y + rect.height)) - y;
  return { x, y, width, height };
}
