// What a node received, gave and cost in the run that is on the canvas.

import { ChevronRight } from "lucide-react";
import { useEffect, useState, type ReactNode } from "react";
import { useEditor, useNodeRun, useRun } from "./context";
import { StatusMark } from "./NodeCard";
import { cost, duration } from "./text";
import type { Json, StepView } from "./types";

// A text as it reads, anything else as JSON.
export function Shown({ value, label }: { value: Json | undefined; label: string }): ReactNode {
  if (value === undefined || value === null) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return (
    <div className="pm-shown">
      <h4>{label}</h4>
      <pre tabIndex={0}>{text}</pre>
    </div>
  );
}

export function LastRun({ nodeId }: { nodeId: string }): ReactNode {
  const { api, t } = useEditor();
  const run = useRun();
  const state = useNodeRun(nodeId);
  const [step, setStep] = useState<StepView | null>(null);
  const runId = run?.id;
  const settled = state.status !== "idle" && state.status !== "running";
  useEffect(() => {
    if (runId === undefined || !settled) return setStep(null);
    let here = true;
    const show = (steps: StepView[]) => here && setStep(steps.find((each) => each.node === nodeId) ?? null);
    api.getSteps(runId).then(show, () => here && setStep(null));
    return () => {
      here = false;
    };
  }, [api, runId, nodeId, settled]);
  if (run === null || state.status === "idle") return null;
  const usage = state.usage ?? step?.usage;
  const facts = [
    duration(state.durationMs),
    usage?.model,
    usage?.prompt_tokens === undefined ? "" : t("run.tokens", { count: (usage.prompt_tokens ?? 0) + (usage.completion_tokens ?? 0) }),
    cost(usage?.cost_usd),
    (state.attempts ?? 1) > 1 ? t("run.attempts", { count: state.attempts ?? 1 }) : "",
  ].filter(Boolean);
  const error = state.error ?? step?.error;
  return (
    <div className="pm-section pm-last-run" data-testid="last-run" data-status={state.status}>
      <div className="pm-last-run-head">
        <StatusMark status={state.status} label={t(`status.${state.status}`)} />
        <strong>{t(`status.${state.status}`)}</strong>
        <span className="pm-mono">{facts.join(" · ")}</span>
      </div>
      {error != null && (
        <div className="pm-error" role="alert">
          <p>{error.message}</p>
          <code>{error.code}</code>
        </div>
      )}
      {state.status === "running" && state.text !== "" && <Shown label={t("run.output")} value={state.text} />}
      {step?.effects !== undefined && step.effects.length > 0 && <Shown label={t("run.would_have")} value={step.effects} />}
      <details className="pm-details" open={state.status === "failed" || undefined}>
        <summary>
          <ChevronRight size={14} /> {t("run.input")}
        </summary>
        <Shown label="" value={step?.input} />
      </details>
      <details className="pm-details" open>
        <summary>
          <ChevronRight size={14} /> {t("run.output")}
        </summary>
        <Shown label="" value={step?.output ?? state.output} />
      </details>
    </div>
  );
}
