// An edge, drawn as the run used it: taken, being taken, passed over. Under the pointer it offers to take a node in.

import { BaseEdge, EdgeLabelRenderer, getBezierPath, type Edge, type EdgeProps } from "@xyflow/react";
import { Plus, X } from "lucide-react";
import { memo, useEffect, useRef, useState, type ReactNode } from "react";
import { useEdgeHands } from "./canvasHands";
import { useEditor, useNodeRun } from "./context";
import type { NodeRun } from "./runs";

export type CanvasEdge = Edge<Record<string, never>, "flow">;

const LINGERS_MS = 250;

function stateOf(from: NodeRun, to: NodeRun, port: string): string {
  if (from.status === "idle" || from.status === "running" || from.status === "waiting") return "idle";
  if (!from.ports.includes(port)) return "skipped";
  return to.status === "running" || to.status === "waiting" ? "active" : "taken";
}

// Whether the pointer is here, or was a moment ago: on its way to the buttons.
function useNear(): { near: boolean; enter: () => void; leave: () => void } {
  const [near, setNear] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const enter = () => {
    clearTimeout(timer.current);
    setNear(true);
  };
  const leave = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setNear(false), LINGERS_MS);
  };
  return { near, enter, leave };
}

function FlowEdge({ id, source, target, sourceHandleId, selected, ...ends }: EdgeProps<CanvasEdge>): ReactNode {
  const { store, t } = useEditor();
  const hands = useEdgeHands();
  const { near, enter, leave } = useNear();
  const state = stateOf(useNodeRun(source), useNodeRun(target), sourceHandleId ?? "out");
  const [path, x, y] = getBezierPath(ends);
  return (
    <>
      <g onMouseEnter={enter} onMouseLeave={leave}>
        <BaseEdge path={path} className="pm-edge" data-state={state} data-selected={selected} interactionWidth={18} />
      </g>
      {(selected || near) && (
        <EdgeLabelRenderer>
          <div className="pm-edge-tools nodrag nopan" style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }} onMouseEnter={enter} onMouseLeave={leave}>
            <button
              type="button"
              data-testid="edge-insert"
              aria-label={t("action.insert")}
              title={t("action.insert")}
              onClick={(event) => {
                const box = event.currentTarget.getBoundingClientRect();
                hands.insert(id, { x: box.right, y: box.top });
              }}
            >
              <Plus size={12} />
            </button>
            {selected && (
              <button type="button" className="pm-edge-remove" aria-label={t("canvas.remove_edge")} title={t("canvas.remove_edge")} onClick={() => store.dispatch({ op: "edge.remove", id })}>
                <X size={12} />
              </button>
            )}
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  );
}

export const FlowEdgeView = memo(FlowEdge);
