// Lines that a dragged box snaps to: edges and middles of what is in sight. Gathered once as a drag begins and looked
// up by bisection, so that a frame's work does not grow with the flow.

import type { Rect } from "./frames";
import type { Position } from "./types";

export interface Line {
  at: number;
  // What the line belongs to, along the other axis.
  from: number;
  to: number;
}

export interface Guide extends Line {
  axis: "x" | "y";
}

export interface Lines {
  x: Line[];
  y: Line[];
}

export function linesOf(rects: readonly Rect[]): Lines {
  const x = rects.flatMap((rect) => [0, 0.5, 1].map((part) => ({ at: rect.x + part * rect.width, from: rect.y, to: rect.y + rect.height })));
  const y = rects.flatMap((rect) => [0, 0.5, 1].map((part) => ({ at: rect.y + part * rect.height, from: rect.x, to: rect.x + rect.width })));
  const byPlace = (one: Line, other: Line) => one.at - other.at;
  return { x: x.sort(byPlace), y: y.sort(byPlace) };
}

// The line nearest to a place, within reach.
function nearest(lines: readonly Line[], place: number, reach: number): Line | null {
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle]!.at < place) low = middle + 1;
    else high = middle;
  }
  const found = [lines[low - 1], lines[low]].filter((line): line is Line => line !== undefined && Math.abs(line.at - place) <= reach);
  return found.sort((one, other) => Math.abs(one.at - place) - Math.abs(other.at - place))[0] ?? null;
}

function snapAxis(lines: readonly Line[], start: number, size: number, reach: number): { by: number; line: Line } | null {
  let best: { by: number; line: Line } | null = null;
  for (const part of [0, 0.5, 1]) {
    const place = start + part * size;
    const line = nearest(lines, place, best === null ? reach : Math.abs(best.by) - 0.01);
    if (line !== null) best = { by: line.at - place, line };
  }
  return best;
}

// How far a box has to go to lie on the nearest lines, and those lines as long as both together.
export function snap(lines: Lines, box: Rect, reach: number): { by: Position; guides: Guide[] } {
  const across = snapAxis(lines.x, box.x, box.width, reach);
  const down = snapAxis(lines.y, box.y, box.height, reach);
  const by = { x: across?.by ?? 0, y: down?.by ?? 0 };
  const guides: Guide[] = [];
  if (across !== null) {
    const { at, from, to } = across.line;
    guides.push({ axis: "x", at, from: Math.min(from, box.y + by.y), to: Math.max(to, box.y + by.y + box.height) });
  }
  if (down !== null) {
    const { at, from, to } = down.line;
    guides.push({ axis: "y", at, from: Math.min(from, box.x + by.x), to: Math.max(to, box.x + by.x + box.width) });
  }
  return { by, guides };
}
