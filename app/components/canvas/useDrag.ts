// Dragging on the canvas: guides to snap to, frames to drop into and out of, edges to be put on. Letting go is one edit.

import type { NodeChange } from "@xyflow/react";
import { useMemo, useRef } from "react";
import { useEditor } from "./context";
import { edgeUnder, frameUnder, framesOn, markEdge, markFrame, pointerOf, rectOf, type CanvasInstance, type Pointed } from "./dropTargets";
import { batch } from "./edits";
import { boundsOf, inside, type Rect } from "./frames";
import { GuideStore } from "./Guides";
import { linesOf, snap, type Lines } from "./snapping";
import { canStandOn, dropped, movesOf, putOnEdge, shifted } from "./structure";
import type { Position } from "./types";
import { isFlowNode, type AnyNode } from "./useCanvas";

const GRID = 20;
const REACH = 6;
const LOOK_AGAIN = 160;

interface Session {
  grabbed: AnyNode;
  dragged: AnyNode[];
  // Members of a dragged group, which follow it, with their places as the drag began.
  followers: Map<string, Position>;
  moving: ReadonlySet<string>;
  box: Rect;
  // Any of the dragged, as the drag began: how far it is from there is how far all are.
  anchor: { id: string; position: Position };
  by: Position;
  frames: { id: string; rect: Rect }[];
  lines: Lines;
  seenFrom: { x: number; y: number; zoom: number };
  edge: string | null;
  alone: boolean;
}

export interface Drag {
  guides: GuideStore;
  onStart: (event: unknown, node: AnyNode, nodes: AnyNode[]) => void;
  onMove: (event: Pointed) => void;
  onStop: (event: Pointed) => void;
  onChanges: (changes: NodeChange<AnyNode>[]) => NodeChange<AnyNode>[];
}

export function useDrag(canvas: CanvasInstance, area: () => DOMRect | undefined): Drag {
  const { store, types, say, t } = useEditor();
  const wired = useRef({ canvas, area });
  wired.current = { canvas, area };
  return useMemo(() => {
    const guides = new GuideStore();
    let session: Session | null = null;
    const flow = () => store.getSnapshot().flow;

    // What is in sight now and does not move: the lines to snap to.
    const look = (moving: ReadonlySet<string>): Pick<Session, "lines" | "seenFrom"> => {
      const { canvas: here, area: view } = wired.current;
      const seenFrom = here.getViewport();
      const size = view();
      const sight = { x: -seenFrom.x / seenFrom.zoom, y: -seenFrom.y / seenFrom.zoom, width: (size?.width ?? 0) / seenFrom.zoom, height: (size?.height ?? 0) / seenFrom.zoom };
      const rects = here.getNodes().flatMap((node) => {
        if (moving.has(node.id) || node.type === "cluster") return [];
        const rect = rectOf(here, node.id);
        const seen = rect !== null && rect.x < sight.x + sight.width && rect.x + rect.width > sight.x && rect.y < sight.y + sight.height && rect.y + rect.height > sight.y;
        return seen ? [rect] : [];
      });
      return { lines: linesOf(rects), seenFrom };
    };

    const onStart = (_event: unknown, grabbed: AnyNode, dragged: AnyNode[]) => {
      const { canvas: here } = wired.current;
      const document_ = flow();
      const moving = new Set(dragged.map((node) => node.id));
      const followers = new Map<string, Position>();
      for (const node of dragged) {
        for (const each of inside(document_, node.id)) moving.add(each);
        if (node.type !== "cluster") continue;
        const members = new Set(node.data.group.nodes ?? []);
        for (const id of members) {
          const member = here.getNode(id);
          if (member === undefined || moving.has(id) || [...members].some((other) => inside(document_, other).has(id))) continue;
          followers.set(id, member.position);
        }
        for (const id of members) for (const each of [id, ...inside(document_, id)]) moving.add(each);
      }
      const box = boundsOf(dragged.flatMap((node) => rectOf(here, node.id) ?? []));
      const [first] = dragged;
      if (box === null || first === undefined) return;
      const [only] = dragged.length === 1 && grabbed.type !== "cluster" ? dragged : [];
      const alone = only !== undefined && isFlowNode(only) && canStandOn(document_, types, only.data.node);
      const start = here.getNode(first.id)?.position ?? first.position;
      session = { grabbed, dragged, followers, moving, box, anchor: { id: first.id, position: { ...start } }, by: { x: 0, y: 0 }, frames: framesOn(here, moving), edge: null, alone, ...look(moving) };
    };

    const snapped = (now: Session, step: Position): Position => {
      const { zoom, x, y } = wired.current.canvas.getViewport();
      if (Math.abs(x - now.seenFrom.x) > LOOK_AGAIN || Math.abs(y - now.seenFrom.y) > LOOK_AGAIN || zoom !== now.seenFrom.zoom) Object.assign(now, look(now.moving));
      const box = { ...now.box, x: now.box.x + step.x, y: now.box.y + step.y };
      const { by, guides: found } = snap(now.lines, box, REACH / zoom);
      const held = { x: found.some(({ axis }) => axis === "x"), y: found.some(({ axis }) => axis === "y") };
      const toGrid = (value: number) => Math.round(value / GRID) * GRID - value;
      guides.show(found);
      return { x: step.x + (held.x ? by.x : toGrid(box.x)), y: step.y + (held.y ? by.y : toGrid(box.y)) };
    };

    const onChanges = (changes: NodeChange<AnyNode>[]): NodeChange<AnyNode>[] => {
      const now = session;
      if (now === null) {
        noteArrows(changes);
        return changes;
      }
      const lead = changes.find((change) => change.type === "position" && change.id === now.anchor.id);
      if (lead?.type !== "position" || lead.position === undefined) return changes;
      const raw = { x: lead.position.x - now.anchor.position.x, y: lead.position.y - now.anchor.position.y };
      now.by = snapped(now, raw);
      const more = { x: now.by.x - raw.x, y: now.by.y - raw.y };
      const ours = new Set(now.dragged.map((node) => node.id));
      const adjusted = changes.map((change) => {
        if (change.type !== "position" || change.position === undefined || !ours.has(change.id)) return change;
        return { ...change, position: { x: change.position.x + more.x, y: change.position.y + more.y } };
      });
      for (const [id, start] of now.followers) {
        adjusted.push({ type: "position", id, position: { x: start.x + now.by.x, y: start.y + now.by.y }, dragging: lead.dragging ?? false });
      }
      return adjusted;
    };

    // The arrow keys move what is selected; pressed again and again they are one step to take back.
    const noteArrows = (changes: NodeChange<AnyNode>[]) => {
      const moves = changes.flatMap((change) => {
        if (change.type !== "position" || change.dragging !== false || change.position === undefined) return [];
        const node = wired.current.canvas.getNode(change.id);
        if (node === undefined || node.type === "cluster") return [];
        return [{ id: node.id, by: { x: change.position.x - node.position.x, y: change.position.y - node.position.y } }];
      });
      const op = batch(shifted(flow(), moves));
      if (op !== null) store.dispatch(op, { merge: `arrows.${moves.map(({ id }) => id).join()}` });
    };

    // The frame it would be put into; undefined when it stays in the one it was taken from.
    const frameFor = (now: Session, event: Pointed): string | null | undefined => {
      if (now.grabbed.type === "cluster" || !now.dragged.some(isFlowNode)) return undefined;
      const under = frameUnder(now.frames, wired.current.canvas.screenToFlowPosition(pointerOf(event)));
      const from = now.grabbed.parentId ?? null;
      return under === from ? undefined : under;
    };

    const onMove = (event: Pointed) => {
      if (session === null) return;
      session.edge = session.alone ? edgeUnder(pointerOf(event)) : null;
      if (session.edge !== null) return markEdge(session.edge);
      markFrame(frameFor(session, event) ?? null);
    };

    const onStop = (event: Pointed) => {
      const now = session;
      session = null;
      guides.show([]);
      markFrame(null);
      if (now === null) return;
      const step = { by: now.by };
      const plain = [...now.followers.keys(), ...now.dragged.filter((node) => !isFlowNode(node)).map((node) => node.id)];
      const cards = now.dragged.filter(isFlowNode).map(({ id }) => ({ id, ...step }));
      const others = shifted(flow(), plain.map((id) => ({ id, ...step })));
      const onEdge = now.edge === null || cards.length !== 1 ? null : putOnEdge(flow(), types, now.edge, cards[0]!);
      if (onEdge !== null) return void store.dispatch(onEdge);
      const frame = frameFor(now, event);
      const put = frame === undefined ? { op: batch(movesOf(flow(), cards)), cut: 0 } : dropped(flow(), types, cards, frame);
      const op = batch([...(put.op === null ? [] : [put.op]), ...others]);
      if (op !== null) store.dispatch(op);
      if (put.cut > 0) say(t("frame.cut", { count: put.cut }));
    };
    return { guides, onStart, onMove, onStop, onChanges };
  }, [store, types, say, t]);
}
