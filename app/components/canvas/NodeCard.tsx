// One node on the canvas: what it is, what it will do, where it leads, and what came of it in the run on show.

import { Handle, Position as Side, type Node as CanvasNode, type NodeProps } from "@xyflow/react";
import { Ban, Check, Hourglass, Minus, TriangleAlert, X } from "lucide-react";
import { memo, type ReactNode } from "react";
import { useEditor, useNodeRun, useUncovered } from "./context";
import { portsOf, sentenceParts, titleOf, type Part, type ShownPort } from "./describe";
import { categoryScale, nodeIcon } from "./icons";
import { useProblemMark } from "./problems";
import type { NodeRun } from "./runs";
import { cost, duration, shortened, type Translate } from "./text";
import type { FlowNode, StepStatus } from "./types";

export type CardNode = CanvasNode<{ node: FlowNode; used: readonly string[] }, "card">;

export function Parts({ parts }: { parts: readonly Part[] }): ReactNode {
  return parts.map((part, index) =>
    "chip" in part ? (
      <span className="pm-chip" key={index}>
        {part.chip}
      </span>
    ) : (
      <span key={index}>{part.text}</span>
    ),
  );
}

const STATUS_ICONS: { readonly [status in StepStatus]?: ReactNode } = {
  succeeded: <Check size={12} strokeWidth={2.5} />,
  failed: <X size={12} strokeWidth={2.5} />,
  skipped: <Minus size={12} strokeWidth={2.5} />,
  waiting: <Hourglass size={11} strokeWidth={2.25} />,
};

export function StatusMark({ status, label }: { status: StepStatus; label: string }): ReactNode {
  if (status === "idle") return null;
  return (
    <span className="pm-status" data-status={status} role="img" aria-label={label} title={label}>
      {status === "running" ? <span className="pm-spinner" /> : STATUS_ICONS[status]}
    </span>
  );
}

export function ProblemMark({ id }: { id: string }): ReactNode {
  const { t } = useEditor();
  const { count, severity } = useProblemMark(id);
  if (count === 0) return null;
  const label = t("problems.count", { count });
  return (
    <span className="pm-problem-mark" data-severity={severity} role="img" aria-label={label} title={label}>
      <TriangleAlert size={13} />
    </span>
  );
}

// What came out, in a few words: a class, an HTTP status, the text that was said, the error.
export function outcome(run: NodeRun, ports: readonly ShownPort[], passes: boolean, t: Translate): string {
  if (run.status === "running") return t(run.text === "" ? "card.running" : "card.streaming");
  if (run.status === "waiting") return t("status.waiting");
  if (run.status === "failed") return run.error?.message ?? t("status.failed");
  if (run.error) return run.error.message;
  const output = passes ? null : run.output;
  if (typeof output === "string" && output !== "") return shortened(output, 60);
  if (typeof output === "object" && output !== null && !Array.isArray(output)) {
    if (typeof output["class_id"] === "string") {
      const label = ports.find((port) => port.id === output["class_id"])?.label ?? output["class_id"];
      return typeof output["confidence"] === "number" ? `${label} · ${output["confidence"].toFixed(2)}` : label;
    }
    if (typeof output["status"] === "number") return `HTTP ${output["status"]}`;
    if (typeof output["text"] === "string" && output["text"] !== "") return shortened(output["text"], 60);
  }
  const taken = ports.length > 1 ? ports.find((port) => run.ports.includes(port.id)) : undefined;
  return taken?.label ?? t("card.done");
}

function Footer({ run, ports, passes }: { run: NodeRun; ports: readonly ShownPort[]; passes: boolean }): ReactNode {
  const { t } = useEditor();
  if (run.status === "idle" || run.status === "skipped") return null;
  return (
    <div className="pm-card-footer" data-status={run.status}>
      <span className="pm-card-outcome">{outcome(run, ports, passes, t)}</span>
      {run.durationMs !== undefined && <span>{duration(run.durationMs)}</span>}
      {run.usage?.cost_usd != null && <span>{cost(run.usage.cost_usd)}</span>}
    </div>
  );
}

export function PortRows({ className, id, ports, run }: { className: string; id: string; ports: readonly ShownPort[]; run: NodeRun }): ReactNode {
  const bare = useUncovered(id);
  return (
    <ul className={className}>
      {ports.map((port) => (
        <li key={port.id} data-known={port.known} data-taken={run.ports.includes(port.id)} data-uncovered={bare.has(`${id}.${port.id}`)}>
          <span>{port.label}</span>
          <Handle type="source" position={Side.Right} id={port.id} role="img" aria-label={port.label} />
        </li>
      ))}
    </ul>
  );
}

function NodeCardView({ data, selected }: NodeProps<CardNode>): ReactNode {
  const { types, t } = useEditor();
  const { node, used } = data;
  const run = useNodeRun(node.id);
  const bare = useUncovered(node.id).has(node.id);
  const type = types.get(node.type);
  const Icon = nodeIcon(type?.icon);
  const ports = portsOf(node, type, used, t);
  const single = ports.length === 1 && !type?.port_list ? ports[0] : undefined;
  const title = titleOf(node, type);
  const enabled = node.enabled !== false;
  return (
    <article
      className="pm-card"
      data-testid={`node-${node.id}`}
      data-status={run.status}
      data-selected={selected}
      data-enabled={enabled}
      data-known={type !== undefined}
      data-uncovered={bare}
      aria-label={`${title}, ${t(`status.${run.status}`)}`}
    >
      {(type === undefined || type.has_input) && (
        <Handle type="target" position={Side.Left} id="in" className="pm-handle-in" role="img" aria-label={t("card.input")} />
      )}
      {single && (
        <Handle type="source" position={Side.Right} id={single.id} className="pm-handle-out" role="img" aria-label={single.label} />
      )}
      <header>
        <span className="pm-icon" data-scale={categoryScale(type?.category)}>
          <Icon size={16} strokeWidth={1.75} />
        </span>
        <div className="pm-card-words">
          <strong title={title}>{title}</strong>
          <p>{type === undefined ? t("card.unknown_type", { type: node.type }) : <Parts parts={sentenceParts(node, type, t)} />}</p>
        </div>
        {enabled ? null : (
          <span className="pm-off" title={t("card.disabled")}>
            <Ban size={13} />
          </span>
        )}
        {run.status === "idle" ? <ProblemMark id={node.id} /> : <StatusMark status={run.status} label={t(`status.${run.status}`)} />}
      </header>
      {single === undefined && ports.length > 0 && <PortRows className="pm-ports" id={node.id} ports={ports} run={run} />}
      {run.text !== "" && run.status === "running" && <div className="pm-streamed">{tail(run.text)}</div>}
      <Footer run={run} ports={ports} passes={type?.passes_input ?? false} />
    </article>
  );
}

// The last lines of a long stream: the card stays a card.
function tail(text: string): string {
  return text.length > 240 ? `…${text.slice(-240)}` : text;
}

export const NodeCard = memo(NodeCardView);
