// An edge, drawn as the run used it: taken, being taken, passed over.

import { BaseEdge, EdgeLabelRenderer, getBezierPath, type Edge, type EdgeProps } from "@xyflow/react";
import { X } from "lucide-react";
import { memo, type ReactNode } from "react";
import { useEditor, useNodeRun } from "./context";
import type { NodeRun } from "./runs";

export type CanvasEdge = Edge<Record<string, never>, "flow">;

function stateOf(from: NodeRun, to: NodeRun, port: string): string {
  if (from.status === "idle" || from.status === "running" || from.status === "waiting") return "idle";
  if (!from.ports.includes(port)) return "skipped";
  return to.status === "running" || to.status === "waiting" ? "active" : "taken";
}

function FlowEdge({ id, source, target, sourceHandleId, selected, ...ends }: EdgeProps<CanvasEdge>): ReactNode {
  const { store, t } = useEditor();
  const state = stateOf(useNodeRun(source), useNodeRun(target), sourceHandleId ?? "out");
  const [path, x, y] = getBezierPath(ends);
  return (
    <>
      <BaseEdge path={path} className="pm-edge" data-state={state} data-selected={selected} interactionWidth={18} />
      {selected && (
        <EdgeLabelRenderer>
          <button
            type="button"
            className="pm-edge-remove nodrag nopan"
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
            aria-label={t("canvas.remove_edge")}
            title={t("canvas.remove_edge")}
            onClick={() => store.dispatch({ op: "edge.remove", id })}
          >
            <X size={12} />
          </button>
        </EdgeLabelRenderer>
      )}
    </>
  );
}

export const FlowEdgeView = memo(FlowEdge);
