// The canvas: the flow's nodes and edges, and everything a hand does to them. Each gesture ends in one operation.

import {
  Background, MiniMap, ReactFlow, SelectionMode, useReactFlow, type FinalConnectionState, type IsValidConnection,
  type OnSelectionChangeParams,
} from "@xyflow/react";
import { useCallback, useEffect, useMemo, useRef, useState, type DragEvent, type ReactNode } from "react";
import { useEditor, useFlow } from "./context";
import { addNode, connect, moved, refusal, remove } from "./edits";
import { FlowEdgeView, type CanvasEdge } from "./FlowEdgeView";
import { NodeCard } from "./NodeCard";
import { NoteCard } from "./NoteCard";
import { NODE_MIME } from "./Palette";
import { QuickAdd, type QuickAddAt } from "./QuickAdd";
import { Toolbar, type Tool } from "./Toolbar";
import { useCanvas, NOTE_PREFIX, type AnyNode } from "./useCanvas";
import { useShortcuts } from "./useShortcuts";
import type { NodeType, Position } from "./types";

const NODE_TYPES = { card: NodeCard, note: NoteCard };
const EDGE_TYPES = { flow: FlowEdgeView };
const EDGE_DEFAULTS = { type: "flow" };
const GRID: [number, number] = [20, 20];
const HIDE_ATTRIBUTION = { hideAttribution: true };
const MINIMAP = { width: 134, height: 84 };
const BUTTONS_THAT_PAN = [1, 2];

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
  const model = useCanvas(flow);
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

  const insert = useCallback(
    (type: NodeType, at: Position, from?: { node: string; port: string }) => {
      const { op, id } = addNode(store.getSnapshot().flow, types, type, at, from);
      model.select([id]);
      if (store.dispatch(op)) onSelect([id]);
    },
    [store, model.select, onSelect],
  );
  // From the palette by click or key: beside the selected node and joined to its free port, else in the middle.
  const add = useCallback(
    (type: NodeType) => {
      const { flow: now } = store.getSnapshot();
      const only = canvas.getNodes().filter((node) => node.selected && node.type === "card");
      const before = only.length === 1 ? only[0] : undefined;
      if (before === undefined || !type.has_input) {
        const { x, y } = centre();
        const free = freePlace(now.view?.nodes ?? {}, { x: x - 124, y: y - 40 });
        insert(type, free);
        return;
      }
      const port = freePort(canvas, before.id, now.edges ?? []);
      const at = { x: before.position.x + 320, y: before.position.y };
      insert(type, freePlace(now.view?.nodes ?? {}, at), port === null ? undefined : { node: before.id, port });
    },
    [store, canvas, centre, insert],
  );
  const focus = useCallback(
    (nodeId: string) => {
      model.select([nodeId]);
      const node = canvas.getNode(nodeId);
      if (node === undefined) return;
      const { x, y } = node.position;
      void canvas.setCenter(x + 124 + (covered.right - covered.left) / 2, y + 60, { zoom: Math.max(canvas.getZoom(), 0.8), duration: 180 });
    },
    [canvas, model.select, covered.left, covered.right],
  );
  useEffect(() => {
    handle({ add, focus });
  }, [handle, add, focus]);
  useShortcuts({ canvas, model, centre, fit, onSelect, onTool: setTool });

  const onSelectionChange = useCallback(
    ({ nodes }: OnSelectionChangeParams<AnyNode, CanvasEdge>) => onSelect(nodes.filter((node) => node.type === "card").map((node) => node.id)),
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
  const onDrop = useCallback(
    (event: DragEvent) => {
      const type = types.get(event.dataTransfer.getData(NODE_MIME));
      if (type === undefined) return;
      event.preventDefault();
      const { x, y } = canvas.screenToFlowPosition({ x: event.clientX, y: event.clientY });
      insert(type, { x: Math.round((x - 124) / 20) * 20, y: Math.round((y - 24) / 20) * 20 });
    },
    [types, canvas, insert],
  );
  const onDragStop = useCallback(
    (_event: unknown, _node: AnyNode, nodes: AnyNode[]) => {
      const places = nodes.map(({ id, position, type }) => {
        const note = type === "note";
        return { id: note ? id.slice(NOTE_PREFIX.length) : id, position, note };
      });
      const op = moved(store.getSnapshot().flow, places);
      if (op !== null) store.dispatch(op);
    },
    [store],
  );
  const onDelete = useCallback(
    ({ nodes, edges }: { nodes: AnyNode[]; edges: CanvasEdge[] }) => {
      const cards = nodes.filter((node) => node.type === "card").map((node) => node.id);
      const notes = nodes.filter((node) => node.type === "note").map((node) => node.id.slice(NOTE_PREFIX.length));
      const op = remove(store.getSnapshot().flow, cards, edges.map((edge) => edge.id), notes);
      if (op !== null) store.dispatch(op);
    },
    [store],
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
    <div className="pm-canvas" data-testid="canvas" data-tool={tool} ref={area} onDrop={onDrop} onDragOver={allowDrop}>
      <ReactFlow<AnyNode, CanvasEdge>
        nodes={model.nodes}
        edges={model.edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        defaultEdgeOptions={EDGE_DEFAULTS}
        onNodesChange={model.onNodesChange}
        onEdgesChange={model.onEdgesChange}
        onSelectionChange={onSelectionChange}
        onConnect={(ends) => store.dispatch(connect(store.getSnapshot().flow, types, ends))}
        onConnectEnd={onConnectEnd}
        isValidConnection={isValid}
        onNodeDragStop={onDragStop}
        onSelectionDragStop={(event, nodes) => onDragStop(event, nodes[0]!, nodes)}
        onDelete={onDelete}
        onInit={onInit}
        deleteKeyCode={DELETE_KEYS}
        multiSelectionKeyCode={MULTI_KEYS}
        selectionOnDrag={selecting}
        selectionMode={SelectionMode.Partial}
        panOnDrag={selecting ? BUTTONS_THAT_PAN : true}
        panOnScroll
        zoomOnDoubleClick={false}
        snapToGrid
        snapGrid={GRID}
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
        {!empty && <MiniMap pannable zoomable ariaLabel={t("canvas.minimap")} nodeBorderRadius={8} className="pm-minimap" style={MINIMAP} />}
      </ReactFlow>
      {empty && (
        <div className="pm-empty-canvas" style={{ left: covered.left, right: covered.right }}>
          <strong>{t("canvas.empty.title")}</strong>
          <p>{t("canvas.empty.text")}</p>
        </div>
      )}
      <Toolbar tool={tool} onTool={setTool} onFit={fit} centre={centre} covered={covered} />
      {quickAdd !== null && (
        <QuickAdd
          at={quickAdd}
          onClose={() => setQuickAdd(null)}
          onPick={(type) => {
            const { x, y } = canvas.screenToFlowPosition(quickAdd.screen);
            insert(type, { x, y: y - 24 }, quickAdd.from);
            setQuickAdd(null);
          }}
        />
      )}
      {children}
    </div>
  );
}

const DELETE_KEYS = ["Delete", "Backspace"];
const MULTI_KEYS = ["Shift", "Meta", "Control"];

function allowDrop(event: DragEvent): void {
  if (!event.dataTransfer.types.includes(NODE_MIME)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
}

// Down from the wished place until no other node stands there.
function freePlace(places: { [id: string]: Position }, wished: Position): Position {
  const at = { x: Math.round(wished.x / 20) * 20, y: Math.round(wished.y / 20) * 20 };
  const taken = () => Object.values(places).some((each) => Math.abs(each.x - at.x) < 200 && Math.abs(each.y - at.y) < 100);
  for (let tries = 0; tries < 40 && taken(); tries += 1) at.y += 120;
  return at;
}

// The first port of a node that no edge leaves from.
function freePort(
  canvas: { getInternalNode: (id: string) => { internals: { handleBounds?: { source?: { id?: string | null }[] | null } | undefined } } | undefined },
  id: string,
  edges: readonly { source: string; source_port?: string }[],
): string | null {
  const ports = canvas.getInternalNode(id)?.internals.handleBounds?.source ?? [];
  const used = new Set(edges.filter((edge) => edge.source === id).map((edge) => edge.source_port ?? "out"));
  const free = ports.find((port) => !used.has(port.id ?? "out"));
  return free === undefined ? null : (free.id ?? "out");
}
