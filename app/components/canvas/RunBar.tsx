// The run on the canvas, in one line: how it goes, stop, result, away with it.

import { Square, X } from "lucide-react";
import { useEffect, useState, type ReactNode } from "react";
import { useEditor, useRun } from "./context";
import { Shown } from "./LastRun";
import { StatusMark } from "./NodeCard";
import { ENDED, SHOWN_AS } from "./runs";
import { cost } from "./text";
import { IconButton, Pop } from "./ui";

export function RunBar(): ReactNode {
  const { api, runs, reveal, say, t } = useEditor();
  const run = useRun();
  const [stopping, setStopping] = useState(false);
  const id = run?.id;
  useEffect(() => setStopping(false), [id]);
  if (run === null) return <span className="pm-run-bar" data-testid="run-status" data-status="idle" hidden />;
  const ended = ENDED.has(run.status);
  const stop = () => {
    setStopping(true);
    api.cancelRun(run.id).catch(() => {
      setStopping(false);
      say(t("run.not_stopped"));
    });
  };
  const at = run.error?.node;
  return (
    <div className="pm-run-bar" data-testid="run-status" data-status={run.status} role="status">
      <StatusMark status={SHOWN_AS[run.status]} label={t(`status.${run.status}`)} />
      <span>{t(`status.${run.status}`)}</span>
      {ended && run.usage.cost_usd ? <span className="pm-mono">{cost(run.usage.cost_usd)}</span> : null}
      {run.error !== null &&
        (at != null ? (
          <button type="button" className="pm-run-error" title={run.error.message} onClick={() => reveal(at, run.error?.param)}>
            {run.error.message}
          </button>
        ) : (
          <span className="pm-run-error" title={run.error.message}>
            {run.error.message}
          </span>
        ))}
      {ended && run.output !== null && (
        <Pop trigger={<button type="button" className="pm-mini-button" data-testid="run-output">{t("run.result")}</button>} label={t("run.result")} align="center">
          <Shown label={t("run.result")} value={run.output} />
        </Pop>
      )}
      {ended ? (
        <IconButton label={t("run.clear")} onClick={() => runs.clear()}>
          <X size={14} />
        </IconButton>
      ) : (
        <IconButton label={t("run.stop")} data-testid="run-stop" disabled={stopping} onClick={stop}>
          <Square size={12} fill="currentColor" />
        </IconButton>
      )}
    </div>
  );
}
