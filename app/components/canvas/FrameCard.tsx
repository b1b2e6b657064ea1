// A container on the canvas: a frame with the container's card as its head and its body's nodes inside.

import { Handle, NodeResizer, Position as Side, useReactFlow, type Node as CanvasNode, type NodeProps } from "@xyflow/react";
import { Ban } from "lucide-react";
import { memo, type ReactNode } from "react";
import { useEditor, useNodeRun, useUncovered } from "./context";
import { portsOf, sentenceParts, titleOf, type ShownPort } from "./describe";
import { FRAME } from "./frames";
import { nodeIcon } from "./icons";
import { outcome, Parts, PortRows, ProblemMark, StatusMark } from "./NodeCard";
import type { NodeRun } from "./runs";
import { cost, duration } from "./text";
import type { FlowNode } from "./types";

export type FrameNode = CanvasNode<{ node: FlowNode; used: readonly string[] }, "frame">;

function Came({ run, ports }: { run: NodeRun; ports: readonly ShownPort[] }): ReactNode {
  const { t } = useEditor();
  if (run.status === "idle" || run.status === "skipped") return null;
  return (
    <p className="pm-frame-came" data-status={run.status}>
      {outcome(run, ports, false, t)}
      {run.durationMs !== undefined && <span>{duration(run.durationMs)}</span>}
      {run.usage?.cost_usd != null && <span>{cost(run.usage.cost_usd)}</span>}
    </p>
  );
}

function FrameCardView({ data, selected, parentId }: NodeProps<FrameNode>): ReactNode {
  const { store, types, t } = useEditor();
  const canvas = useReactFlow();
  const { node, used } = data;
  const run = useNodeRun(node.id);
  const bare = useUncovered(node.id).has(node.id);
  const type = types.get(node.type);
  const Icon = nodeIcon(type?.icon);
  const all = portsOf(node, type, used, t);
  const entry = all.find((port) => port.id === type?.container?.port);
  const exits = all.filter((port) => port !== entry);
  const title = titleOf(node, type);
  const enabled = node.enabled !== false;
  // React Flow counts from the corner of the frame around, the document from the canvas.
  const resized = (box: { x: number; y: number; width: number; height: number }) => {
    const corner = (parentId === undefined ? undefined : canvas.getInternalNode(parentId)?.internals.positionAbsolute) ?? { x: 0, y: 0 };
    const place = { x: Math.round(corner.x + box.x), y: Math.round(corner.y + box.y) };
    store.dispatch({ op: "node.move", id: node.id, ...place, width: Math.round(box.width), height: Math.round(box.height) });
  };
  return (
    <article
      className="pm-frame-card"
      data-testid={`node-${node.id}`}
      data-frame="true"
      data-status={run.status}
      data-selected={selected}
      data-enabled={enabled}
      data-uncovered={bare}
      aria-label={`${title}, ${t(`status.${run.status}`)}`}
    >
      <NodeResizer isVisible={selected} minWidth={FRAME.width} minHeight={FRAME.head + 80} onResizeEnd={(_event, box) => resized(box)} />
      <Handle type="target" position={Side.Left} id="in" className="pm-handle-in" role="img" aria-label={t("card.input")} />
      <header className="pm-frame-head">
        <span className="pm-icon" data-scale="slate">
          <Icon size={16} strokeWidth={1.75} />
        </span>
        <div className="pm-card-words">
          <strong title={title}>{title}</strong>
          <p>{type !== undefined && <Parts parts={sentenceParts(node, type, t)} />}</p>
        </div>
        <Came run={run} ports={exits} />
        {!enabled && (
          <span className="pm-off" title={t("card.disabled")}>
            <Ban size={13} />
          </span>
        )}
        {run.status === "idle" ? <ProblemMark id={node.id} /> : <StatusMark status={run.status} label={t(`status.${run.status}`)} />}
      </header>
      <PortRows className="pm-frame-exits" id={node.id} ports={exits} run={run} />
      {entry !== undefined && (
        <div className="pm-frame-entry" data-taken={run.ports.includes(entry.id)}>
          <span>{entry.label}</span>
          <Handle type="source" position={Side.Right} id={entry.id} role="img" aria-label={entry.label} />
        </div>
      )}
    </article>
  );
}

export const FrameCard = memo(FrameCardView);
