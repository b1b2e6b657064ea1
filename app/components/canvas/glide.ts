// Nodes on their way to new places: 180 ms, ease-out, edges following. The document is there already.

import type { AnyNode } from "./useCanvas";

const GLIDE_MS = 180;

type Change = (change: (before: AnyNode[]) => AnyNode[]) => void;

// `goal` gives the nodes as the document wants them. Returns what stops the glide where it is.
export function glide(change: Change, goal: (before: AnyNode[]) => AnyNode[], done: () => void): () => void {
  const from = new Map<string, { x: number; y: number; parentId: string | undefined }>();
  let begun: number | undefined;
  let frame = 0;
  change((before) => {
    for (const node of before) from.set(node.id, { ...node.position, parentId: node.parentId });
    return before;
  });
  const step = (now: number) => {
    begun ??= now;
    const part = Math.min(1, (now - begun) / GLIDE_MS);
    const eased = 1 - (1 - part) ** 3;
    change((before) =>
      goal(before).map((node) => {
        const start = from.get(node.id);
        if (part === 1 || start === undefined || start.parentId !== node.parentId) return node;
        const { x, y } = node.position;
        if (start.x === x && start.y === y) return node;
        return { ...node, position: { x: start.x + (x - start.x) * eased, y: start.y + (y - start.y) * eased } };
      }),
    );
    if (part < 1) frame = requestAnimationFrame(step);
    else done();
  };
  frame = requestAnimationFrame(step);
  return () => cancelAnimationFrame(frame);
}
