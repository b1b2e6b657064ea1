// Groups: named coloured frames around nodes. They mean nothing to a run; they are as large as what they hold.

import type { Node as CanvasNode } from "@xyflow/react";
import { boundsOf, type Rect } from "./frames";
import type { Group } from "./types";

// Not called "group": React Flow has a node type of that name, with a look of its own.
export type GroupNode = CanvasNode<{ group: Group }, "cluster">;
// Notes and groups share the canvas with nodes; these keep their names apart.
export const NOTE_PREFIX = "note:";
export const GROUP_PREFIX = "group:";
export const COLORS = ["sand", "amber", "jade", "blue", "violet", "red"] as const;

const PAD = 20;
const HEAD = 28;

export function groupRect(boxes: readonly Rect[]): Rect | null {
  const bounds = boundsOf(boxes);
  if (bounds === null) return null;
  return { x: bounds.x - PAD, y: bounds.y - PAD - HEAD, width: bounds.width + 2 * PAD, height: bounds.height + 2 * PAD + HEAD };
}
