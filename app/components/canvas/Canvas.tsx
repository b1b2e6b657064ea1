// The canvas: the flow's nodes and edges, and everything a hand does to them. Each gesture ends in one operation.

import {
  Background, MiniMap, ReactFlow, SelectionMode, useReactFlow, type FinalConnectionState, type IsValidConnection, type NodeChange,
  type OnSelectionChangeParams,
} from "@xyflow/react";
import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { removal } from "./actions";
import { EdgeHandsProvider } from "./canvasHands";
import { useEditor, useFlow } from "./context";
import { rectOf } from "./dropTargets";
import { connect, refusal } from "./edits";
import { FlowEdgeView, type CanvasEdge } from "./FlowEdgeView";
import { FrameCard } from "./FrameCard";
import { GroupFrame } from "./GroupFrame";
import { GROUP_PREFIX, NOTE_PREFIX } from "./groups";
import { Guides } from "./Guides";
import { NodeCard } from "./NodeCard";
import { NoteCard } from "./NoteCard";
import { QuickAdd, type QuickAddAt } from "./QuickAdd";
import { Toolbar, type Tool } from "./Toolbar";
import { useAdding } from "./useAdding";
import { isFlowNode, useCanvas, type AnyNode } from "./useCanvas";
import { useDrag } from "./useDrag";
import { useShortcuts } from "./useShortcuts";
import { useStructure } from "./useStructure";
import type { NodeType, Position } from "./types";

const NODE_TYPES = { card: NodeCard, frame: FrameCard, note: NoteCard, cluster: GroupFrame };
const EDGE_TYPES = { flow: FlowEdgeView };
const EDGE_DEFAULTS = { type: "flow" };
const HIDE_ATTRIBUTION = { hideAttribution: true };
const MINIMAP = { width: 134, height: 84 };
const BUTTONS_THAT_PAN = [1, 2];
const onMap = (node: AnyNode) => `pm-on-map-${node.type}`;

export interface CanvasHandle {
  add: (type: NodeType) => void;
  focus: (nodeId: string) => void;
}

interface Props {
  onSelect: (ids: string[]) => void;
  // What covers the canvas, in px, so that the flow is fitted into what is seen.
  covered: { left: number; right: number };
  colorMode: "light" | "dark";
  handle: (handle: CanvasHandle) => void;
  children?: ReactNode;
}

// An extra hop for touch: fingers pan, mice select.
const coarse = () => window.matchMedia("(pointer: coarse)").matches;

export function Canvas({ onSelect, covered, colorMode, handle, children }: Props): ReactNode {
  const { store, types, t, say } = useEditor();
  const { flow } = useFlow();
  const model = useCanvas(flow, types);
  const canvas = useReactFlow<AnyNode, CanvasEdge>();
  const [tool, setTool] = useState<Tool>(() => (coarse() ? "hand" : "select"));
  const [quickAdd, setQuickAdd] = useState<QuickAddAt | null>(null);
  const area = useRef<HTMLDivElement>(null);
  const fit = useCallback(
    (animate = true) => {
      const padding = { left: `${covered.left + 40}px`, right: `${covered.right + 40}px`, top: "72px", bottom: "96px" } as const;
      const moving = animate && !window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      void canvas.fitView({ padding, maxZoom: 1, duration: moving ? 180 : 0 });
    },
    [canvas, covered.left, covered.right],
  );
  const centre = useCallback((): Position => {
    const box = area.current?.getBoundingClientRect();
    if (box === undefined) return { x: 0, y: 0 };
    const x = box.left + covered.left + (box.width - covered.left - covered.right) / 2;
    return canvas.screenToFlowPosition({ x, y: box.top + box.height / 2 });
  }, [canvas, covered.left, covered.right]);

  const adding = useAdding(canvas, model, centre, onSelect);
  const { add, insert } = adding;
  const drag = useDrag(canvas, () => area.current?.getBoundingClientRect());
  const structure = useStructure({ canvas, model, onSelect, ask: setQuickAdd, fit });
  const focus = useCallback(
    (nodeId: string) => {
      model.select([nodeId]);
      const rect = rectOf(canvas, nodeId);
      if (rect === null) return;
      const { x, y, width } = rect;
      void canvas.setCenter(x + Math.min(width, 600) / 2 + (covered.right - covered.left) / 2, y + 60, { zoom: Math.max(canvas.getZoom(), 0.8), duration: 180 });
    },
    [canvas, model.select, covered.left, covered.right],
  );
  useEffect(() => {
    handle({ add, focus });
  }, [handle, add, focus]);
  useShortcuts({ canvas, model, centre, fit, onSelect, onTool: setTool });

  const onSelectionChange = useCallback(
    ({ nodes }: OnSelectionChangeParams<AnyNode, CanvasEdge>) => onSelect(nodes.filter(isFlowNode).map((node) => node.id)),
    [onSelect],
  );
  const isValid = useCallback<IsValidConnection<CanvasEdge>>(
    (ends) => refusal(store.getSnapshot().flow, types, { ...ends, sourceHandle: ends.sourceHandle ?? null }) === null,
    [store, types],
  );
  const onConnectEnd = useCallback(
    (event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
      const { fromNode, fromHandle, toNode, isValid: valid } = state;
      if (fromNode === null || fromHandle === null || valid) return;
      if (toNode !== null) {
        const ends = { source: fromNode.id, sourceHandle: fromHandle.id ?? null, target: toNode.id };
        const reason = refusal(store.getSnapshot().flow, types, ends);
        if (reason !== null && reason !== "connect.itself") say(t(reason));
        else if (reason === null && fromHandle.type === "source") store.dispatch(connect(store.getSnapshot().flow, types, ends));
        return;
      }
      if (fromHandle.type !== "source") return;
      const point = "changedTouches" in event ? event.changedTouches[0]! : event;
      const screen = { x: point.clientX, y: point.clientY };
      setQuickAdd({ screen, from: { node: fromNode.id, port: fromHandle.id ?? "out" } });
    },
    [store, types, t, say],
  );
  const onDelete = useCallback(
    ({ nodes, edges }: { nodes: AnyNode[]; edges: CanvasEdge[] }) => {
      const of = (type: AnyNode["type"], prefix: string) => nodes.filter((node) => node.type === type).map((node) => node.id.slice(prefix.length));
      const gone = { nodes: nodes.filter(isFlowNode).map((node) => node.id), notes: of("note", NOTE_PREFIX), groups: of("cluster", GROUP_PREFIX), edges: edges.map((edge) => edge.id) };
      const op = removal(store.getSnapshot().flow, gone);
      if (op !== null) store.dispatch(op);
    },
    [store],
  );
  const { onNodesChange } = model;
  const onChanges = useCallback(
    (changes: NodeChange<AnyNode>[]) => onNodesChange(drag.onChanges(structure.withoutTouchedFrames(changes))),
    [onNodesChange, drag, structure.withoutTouchedFrames],
  );
  const ready = useRef(false);
  const onInit = useCallback(() => {
    if (ready.current) return;
    ready.current = true;
    fit(false);
  }, [fit]);
  const selecting = tool === "select";
  const empty = model.nodes.length === 0;
  const labels = useMemo(
    () => ({ "node.a11yDescription.default": t("canvas.node_keys"), "edge.a11yDescription.default": t("canvas.edge_keys") }),
    [t],
  );
  return (
    <div className="pm-canvas" data-testid="canvas" data-tool={tool} ref={area} onDrop={adding.onDrop} onDragOver={adding.onDragOver} onDragLeave={adding.onDragLeave}>
      <EdgeHandsProvider value={structure.edgeHands}>
      <ReactFlow<AnyNode, CanvasEdge>
        nodes={model.nodes}
        edges={model.edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        defaultEdgeOptions={EDGE_DEFAULTS}
        onNodesChange={onChanges}
        onEdgesChange={model.onEdgesChange}
        onSelectionChange={onSelectionChange}
        onConnect={(ends) => store.dispatch(connect(store.getSnapshot().flow, types, ends))}
        onConnectEnd={onConnectEnd}
        isValidConnection={isValid}
        onNodeDragStart={drag.onStart}
        onNodeDrag={drag.onMove}
        onNodeDragStop={drag.onStop}
        onSelectionDragStart={(event, nodes) => drag.onStart(event, nodes[0]!, nodes)}
        onSelectionDrag={drag.onMove}
        onSelectionDragStop={drag.onStop}
        onNodeContextMenu={(event, node) => structure.onContextMenu(event, node.id)}
        onSelectionContextMenu={(event) => structure.onContextMenu(event)}
        onEdgeContextMenu={structure.onEdgeContextMenu}
        onPaneContextMenu={structure.onPaneContextMenu}
        onDelete={onDelete}
        onInit={onInit}
        deleteKeyCode={DELETE_KEYS}
        multiSelectionKeyCode={MULTI_KEYS}
        selectionOnDrag={selecting}
        selectionMode={SelectionMode.Partial}
        panOnDrag={selecting ? BUTTONS_THAT_PAN : true}
        panOnScroll
        zoomOnDoubleClick={false}
        connectionRadius={28}
        minZoom={0.2}
        maxZoom={2}
        onlyRenderVisibleElements={model.nodes.length > 60}
        colorMode={colorMode}
        proOptions={HIDE_ATTRIBUTION}
        ariaLabelConfig={labels}
        disableKeyboardA11y={false}
      >
        <Background gap={20} size={1.5} />
        {!empty && <MiniMap pannable zoomable ariaLabel={t("canvas.minimap")} nodeBorderRadius={8} className="pm-minimap" nodeClassName={onMap} style={MINIMAP} />}
        <Guides store={drag.guides} />
        {structure.shown}
      </ReactFlow>
      </EdgeHandsProvider>
      {empty && (
        <div className="pm-empty-canvas" style={{ left: covered.left, right: covered.right }}>
          <strong>{t("canvas.empty.title")}</strong>
          <p>{t("canvas.empty.text")}</p>
        </div>
      )}
      <Toolbar tool={tool} onTool={setTool} onFit={fit} onTidy={structure.tidyAll} centre={centre} covered={covered} />
      {quickAdd !== null && (
        <QuickAdd
          at={quickAdd}
          onClose={() => setQuickAdd(null)}
          onPick={(type) => {
            setQuickAdd(null);
            if (quickAdd.replaces !== undefined) return structure.replace(quickAdd.replaces.id, type);
            if (quickAdd.edge !== undefined) return adding.onEdge(quickAdd.edge, type);
            const { x, y } = canvas.screenToFlowPosition(quickAdd.screen);
            insert(type, { x, y: y - 24 }, quickAdd.from === undefined ? {} : { from: quickAdd.from });
          }}
        />
      )}
      {children}
    </div>
  );
}

const DELETE_KEYS = ["Delete", "Backspace"];
const MULTI_KEYS = ["Shift", "Meta", "Control"];
