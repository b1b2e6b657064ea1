// The selection's actions on the canvas: who asks for them (bar, menu, keys) and what they open.

import { useStoreApi } from "@xyflow/react";
import { useCallback, useMemo, useRef, useState, type MouseEvent as Click, type ReactNode } from "react";
import { actionsFor, selectionOf, tidy, type Action, type Hands } from "./actions";
import type { EdgeHands } from "./canvasHands";
import { CanvasMenu, type MenuAt } from "./CanvasMenu";
import { useEditor, useFlow } from "./context";
import { rectOf, type CanvasInstance } from "./dropTargets";
import { encloses } from "./frames";
import type { QuickAddAt } from "./QuickAdd";
import { replaced } from "./replace";
import { SelectionBar } from "./SelectionBar";
import { SubflowPeek } from "./SubflowPeek";
import type { NodeChange } from "@xyflow/react";
import type { NodeType, Position } from "./types";
import type { AnyNode, CanvasModel } from "./useCanvas";
import { useExtract } from "./useExtract";
import { useStructureKeys } from "./useStructureKeys";

interface Wiring {
  canvas: CanvasInstance;
  model: CanvasModel;
  onSelect: (ids: string[]) => void;
  ask: (at: QuickAddAt) => void;
  fit: () => void;
}

export interface Structure {
  edgeHands: EdgeHands;
  onContextMenu: (event: Click | globalThis.MouseEvent, id?: string) => void;
  onEdgeContextMenu: (event: Click, edge: { id: string }) => void;
  onPaneContextMenu: (event: Click | globalThis.MouseEvent) => void;
  replace: (id: string, type: NodeType) => void;
  tidyAll: () => void;
  // A rubber band takes a frame only when it encloses it.
  withoutTouchedFrames: (changes: NodeChange<AnyNode>[]) => NodeChange<AnyNode>[];
  shown: ReactNode;
}

export function useStructure({ canvas, model, onSelect, ask, fit }: Wiring): Structure {
  const { store, types, t, say } = useEditor();
  const [menu, setMenu] = useState<MenuAt | null>(null);
  const [peeked, setPeeked] = useState<string | null>(null);
  const extract = useExtract(model, onSelect);
  const flowStore = useStoreApi<AnyNode>();
  const placeOnScreen = useCallback(
    (id: string): Position => {
      const rect = rectOf(canvas, id);
      return canvas.flowToScreenPosition(rect === null ? { x: 0, y: 0 } : { x: rect.x + rect.width, y: rect.y });
    },
    [canvas],
  );
  const hands: Hands = {
    canvas, model, store, types, t, say, onSelect, extract,
    askReplace: (id, screen) => ask({ screen: screen ?? placeOnScreen(id), replaces: { id, trigger: types.get(store.getSnapshot().flow.nodes?.find((node) => node.id === id)?.type ?? "")?.trigger ?? false } }),
    askInsert: (edge, screen) => {
      const target = canvas.getEdge(edge)?.target;
      ask({ screen: screen ?? placeOnScreen(target ?? ""), edge });
    },
    peek: setPeeked,
  };
  const wired = useRef(hands);
  wired.current = hands;
  const selection = useCallback(() => selectionOf(wired.current.canvas.getNodes(), wired.current.canvas.getEdges()), []);
  const actions = useCallback((): Action[] => actionsFor(selection(), wired.current), [selection]);
  useStructureKeys(actions);

  const open = useCallback((screen: Position, found: Action[]) => {
    if (found.length > 0) setMenu({ screen, actions: found });
  }, []);
  const onContextMenu = useCallback<Structure["onContextMenu"]>(
    (event, id) => {
      event.preventDefault();
      const node = id === undefined ? undefined : wired.current.canvas.getNode(id);
      const screen = { x: event.clientX, y: event.clientY };
      if (node === undefined || node.selected) return open(screen, actions());
      wired.current.model.select([node.id]);
      const bare = node.id.slice(node.id.indexOf(":") + 1);
      const lone = { nodes: [] as string[], notes: [] as string[], groups: [] as string[], edges: [] as string[] };
      (node.type === "note" ? lone.notes : node.type === "cluster" ? lone.groups : lone.nodes).push(bare);
      open(screen, actionsFor(lone, wired.current));
    },
    [open, actions],
  );
  const onEdgeContextMenu = useCallback<Structure["onEdgeContextMenu"]>(
    (event, { id }) => {
      event.preventDefault();
      const screen = { x: event.clientX, y: event.clientY };
      const found = actionsFor({ nodes: [], notes: [], groups: [], edges: [id] }, { ...wired.current, askInsert: (edge) => wired.current.askInsert(edge, screen) });
      open(screen, found);
    },
    [open],
  );
  const onPaneContextMenu = useCallback<Structure["onPaneContextMenu"]>(
    (event) => {
      event.preventDefault();
      open({ x: event.clientX, y: event.clientY }, actionsFor({ nodes: [], notes: [], groups: [], edges: [] }, wired.current));
    },
    [open],
  );
  const replace = useCallback(
    (id: string, type: NodeType) => {
      const made = replaced(store.getSnapshot().flow, types, id, type);
      if (made === null || !store.dispatch(made.op)) return;
      wired.current.model.select([id]);
      onSelect([id]);
      if (made.lost > 0) say(t("replace.lost", { count: made.lost }));
    },
    [store, types, t, say, onSelect],
  );
  const tidyAll = useCallback(() => {
    if (tidy(wired.current)) setTimeout(fit, 220);
  }, [fit]);
  const edgeHands = useMemo<EdgeHands>(() => ({ insert: (edge, screen) => wired.current.askInsert(edge, screen) }), []);
  const withoutTouchedFrames = useCallback<Structure["withoutTouchedFrames"]>(
    (changes) => {
      const { userSelectionRect: band, transform } = flowStore.getState();
      if (band === null) return changes;
      const [x, y, zoom] = transform;
      const rect = { x: (band.x - x) / zoom, y: (band.y - y) / zoom, width: band.width / zoom, height: band.height / zoom };
      return changes.filter((change) => {
        if (change.type !== "select" || !change.selected) return true;
        const node = canvas.getNode(change.id);
        if (node?.type !== "frame" && node?.type !== "cluster") return true;
        const own = rectOf(canvas, node.id);
        return own !== null && encloses(rect, own);
      });
    },
    [canvas, flowStore],
  );
  const chosen = model.nodes.filter((node) => node.selected === true && node.type !== "cluster").map((node) => node.id);
  const key = chosen.join("\n");
  const several = useMemo(() => (key === "" ? [] : key.split("\n")), [key]);
  const { flow } = useFlow();
  const barActions = useMemo(() => (several.length > 1 ? actionsFor(selectionOf(wired.current.model.nodes, []), wired.current) : []), [several, flow]);
  const shown = (
    <>
      {several.length > 1 && <SelectionBar ids={several} actions={barActions} onMore={(screen) => open(screen, actions())} />}
      {menu !== null && <CanvasMenu at={menu} onClose={() => setMenu(null)} />}
      {peeked !== null && <SubflowPeek nodeId={peeked} onClose={() => setPeeked(null)} />}
    </>
  );
  return { edgeHands, onContextMenu, onEdgeContextMenu, onPaneContextMenu, replace, tidyAll, withoutTouchedFrames, shown };
}
