// Lining nodes up and spacing them evenly. Pure: from boxes to how far each has to go.

import { boundsOf, type Rect } from "./frames";
import type { Move } from "./structure";

export type Side = "left" | "centre" | "right" | "top" | "middle" | "bottom";
export type Axis = "across" | "down";

export interface Boxed {
  id: string;
  rect: Rect;
}

export function aligned(boxes: readonly Boxed[], side: Side): Move[] {
  const all = boundsOf(boxes.map(({ rect }) => rect));
  if (all === null || boxes.length < 2) return [];
  const by = ({ x, y, width, height }: Rect) => {
    if (side === "left") return { x: all.x - x, y: 0 };
    if (side === "right") return { x: all.x + all.width - x - width, y: 0 };
    if (side === "centre") return { x: Math.round(all.x + all.width / 2 - x - width / 2), y: 0 };
    if (side === "top") return { x: 0, y: all.y - y };
    if (side === "bottom") return { x: 0, y: all.y + all.height - y - height };
    return { x: 0, y: Math.round(all.y + all.height / 2 - y - height / 2) };
  };
  return boxes.map(({ id, rect }) => ({ id, by: by(rect) }));
}

// Equal gaps between neighbours; the outermost two stay.
export function distributed(boxes: readonly Boxed[], axis: Axis): Move[] {
  if (boxes.length < 3) return [];
  const [at, size] = axis === "across" ? (["x", "width"] as const) : (["y", "height"] as const);
  const sorted = [...boxes].sort((one, other) => one.rect[at] - other.rect[at]);
  const [first, last] = [sorted[0]!.rect, sorted.at(-1)!.rect];
  const filled = sorted.reduce((sum, { rect }) => sum + rect[size], 0);
  const gap = (last[at] + last[size] - first[at] - filled) / (sorted.length - 1);
  let next = first[at];
  return sorted.map(({ id, rect }) => {
    const by = Math.round(next - rect[at]);
    next += rect[size] + gap;
    return { id, by: axis === "across" ? { x: by, y: 0 } : { x: 0, y: by } };
  });
}
