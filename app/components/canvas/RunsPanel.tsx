// The flow's last runs. Choosing one draws its way on the canvas.

import { useEffect, useState, type ReactNode } from "react";
import { ApiProblem } from "./api";
import { useEditor, useEndings, useRun } from "./context";
import { StatusMark } from "./NodeCard";
import { Shown } from "./LastRun";
import { SHOWN_AS } from "./runs";
import { cost, duration, moment } from "./text";
import type { RunView } from "./types";
import { Button } from "./ui";

export function RunsPanel(): ReactNode {
  const { api, flowId, runs, follow, locale, say, t } = useEditor();
  const [items, setItems] = useState<RunView[] | null>(null);
  const [failed, setFailed] = useState(false);
  const [again, setAgain] = useState(0);
  const current = useRun();
  const endings = useEndings();
  useEffect(() => {
    let here = true;
    api.listRuns(flowId).then(
      (found) => {
        if (!here) return;
        setItems(found);
        setFailed(false);
      },
      () => here && setFailed(true),
    );
    return () => {
      here = false;
    };
  }, [api, flowId, endings, current?.id, again]);
  if (failed)
    return (
      <div className="pm-nothing">
        <p>{t("runs.unreachable")}</p>
        <Button onClick={() => setAgain(again + 1)}>{t("try_again")}</Button>
      </div>
    );
  if (items === null) return <div className="pm-skeleton-list" aria-busy="true" aria-label={t("loading")} />;
  if (items.length === 0) return <p className="pm-nothing">{t("runs.empty")}</p>;
  const open = async (run: RunView) => {
    if (current?.id === run.id) return;
    runs.show(run, await api.getSteps(run.id));
    if (run.status === "running" || run.status === "queued") follow(run.id, run.version);
  };
  const makeTest = async (runId: string) => {
    try {
      const made = await api.makeTest(runId, "");
      say(t("tests.made", { name: String(made["name"]) }));
    } catch (error) {
      say(error instanceof ApiProblem ? error.detail : t("tests.unreachable"));
    }
  };
  const chosen = items.find((run) => run.id === current?.id);
  return (
    <div className="pm-runs">
      <ul className="pm-run-list">
        {items.map((run) => (
          <li key={run.id}>
            <button type="button" className="pm-run-row" aria-pressed={run.id === current?.id} data-testid={`run-${run.id}`} onClick={() => void open(run)}>
              <StatusMark status={SHOWN_AS[run.status]} label={t(`status.${run.status}`)} />
              <span>{moment(run.created_at, locale)}</span>
              <span className="pm-quiet">
                {t(`source.${run.source}`)}
                {run.simulate && ` · ${t("run.simulated")}`}
              </span>
              <span className="pm-mono">{[duration(run.duration_ms), run.usage?.cost_usd ? cost(run.usage.cost_usd) : ""].filter(Boolean).join(" · ")}</span>
            </button>
          </li>
        ))}
      </ul>
      {chosen !== undefined && (
        <div className="pm-section pm-run-details">
          {chosen.error !== null && (
            <div className="pm-error" role="alert">
              <p>{chosen.error.message}</p>
              <code>{chosen.error.code}</code>
            </div>
          )}
          <div className="pm-run-tools">
            <a className="pm-button" data-look="quiet" href={`/runs/${chosen.id}`}>
              {t("run.details")}
            </a>
            {chosen.ended_at !== null && (
              <Button look="quiet" data-testid="make-test" onClick={() => void makeTest(chosen.id)}>
                {t("tests.make")}
              </Button>
            )}
          </div>
          <Shown label={t("run.input")} value={chosen.input} />
          <Shown label={t("run.output")} value={chosen.output} />
          {chosen.messages.length > 0 && <Shown label={t("run.messages")} value={chosen.messages.map((each) => String(each["text"] ?? "")).join("\n\n")} />}
        </div>
      )}
    </div>
  );
}
