// Publish: what forbids it, how the tests stand, what changed, a note, and what would break for others.

import { Check, CircleAlert, FlaskConical, TriangleAlert, X } from "lucide-react";
import { useEffect, useState, type FormEvent, type KeyboardEvent, type ReactNode } from "react";
import { ApiProblem } from "./api";
import { breaking, consequences, type Breaking } from "./breaking";
import { useEditor, useFlow } from "./context";
import { titleOf } from "./describe";
import { SwitchField } from "./fields";
import { PublishChanges } from "./PublishChanges";
import { useTests } from "./useTests";
import { Button, Modal } from "./ui";
import type { Problem } from "./types";

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  // Opens the panel with the tests.
  onTests: () => void;
}

export function PublishDialog({ open, onOpenChange, onTests }: Props): ReactNode {
  const { t } = useEditor();
  const { publishedVersion } = useFlow();
  return (
    <Modal open={open} onOpenChange={onOpenChange} title={t("publish.heading", { version: (publishedVersion ?? 0) + 1 })} closeLabel={t("close")} wide>
      <PublishForm onOpenChange={onOpenChange} onTests={onTests} />
    </Modal>
  );
}

function PublishForm({ onOpenChange, onTests }: Omit<Props, "open">): ReactNode {
  const { api, store, flowId, reveal, say, t } = useEditor();
  const { problems, revision } = useFlow();
  const tests = useTests();
  const [note, setNote] = useState("");
  const [green, setGreen] = useState(true);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [warnings, setWarnings] = useState<Breaking[]>([]);
  useEffect(() => {
    let here = true;
    const asked = store.flush().then(() => api.publishPreview(flowId));
    // Without a preview the answer to Publish tells the same.
    asked.then((found) => here && setWarnings(consequences(found.consequences)), () => undefined);
    return () => {
      here = false;
    };
  }, [api, flowId, store, revision]);
  const accepting = warnings.some((each) => each.needed);
  const errors = problems.filter((problem) => problem.severity === "error");
  const publish = async () => {
    setBusy(true);
    setRefusal(null);
    try {
      await store.flush();
      const body = { note: note.trim(), require_tests: green && tests.count > 0, ...(accepting ? { accept_breaking: true } : {}) };
      const { version } = await api.publish(flowId, body);
      store.published(version);
      say(t("publish.done", { version }));
      onOpenChange(false);
    } catch (error) {
      const found = error instanceof ApiProblem ? breaking(error) : [];
      if (found.length > 0) setWarnings(found);
      else setRefusal(error instanceof ApiProblem ? error.detail : t("publish.unreachable"));
    } finally {
      setBusy(false);
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (errors.length === 0 && !busy) void publish();
  };
  const keys = (event: KeyboardEvent<HTMLFormElement>) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") event.currentTarget.requestSubmit();
  };
  const jump = (problem: Problem) => {
    onOpenChange(false);
    // After the dialog gave the focus back, or the field would lose it again.
    if (problem.node !== null) setTimeout(() => reveal(problem.node!, problem.param), 80);
  };
  return (
    <form onSubmit={submit} onKeyDown={keys} data-testid="publish-dialog">
      <div className="pm-modal-body">
        {errors.length > 0 && <Forbidden errors={errors} onJump={jump} />}
        {warnings.length > 0 && <Warnings items={warnings} breaks={accepting} />}
        {tests.count > 0 && (
          <TestsPart
            green={green}
            onGreen={setGreen}
            onLook={() => {
              onOpenChange(false);
              onTests();
            }}
          />
        )}
        <PublishChanges />
        <div className="pm-field">
          <div className="pm-field-label">
            <label htmlFor="publish-note">
              {t("publish.note")}
              <span className="pm-optional">{t("field.optional")}</span>
            </label>
          </div>
          <textarea id="publish-note" className="pm-input" rows={2} maxLength={2000} autoFocus placeholder={t("publish.note.help")} data-testid="publish-note" value={note} onChange={(event) => setNote(event.target.value)} />
        </div>
        {refusal !== null && (
          <p className="pm-error" role="alert" data-testid="publish-refusal">
            {refusal}
          </p>
        )}
      </div>
      <footer>
        <Button onClick={() => onOpenChange(false)}>{t("cancel")}</Button>
        <Button look="primary" type="submit" disabled={busy || errors.length > 0} data-testid="publish-confirm">
          {busy && <span className="pm-spinner" />}
          {t(busy && green && tests.count > 0 ? "publish.testing" : accepting ? "publish.anyway" : "publish.title")}
        </Button>
      </footer>
    </form>
  );
}

function Forbidden({ errors, onJump }: { errors: readonly Problem[]; onJump: (problem: Problem) => void }): ReactNode {
  const { types, t } = useEditor();
  const { flow } = useFlow();
  const nodes = new Map((flow.nodes ?? []).map((node) => [node.id, node]));
  return (
    <section className="pm-publish-part" data-testid="publish-problems">
      <h3>{t("publish.forbidden", { count: errors.length })}</h3>
      <ul className="pm-publish-problems">
        {errors.map((problem, index) => {
          const node = problem.node === null ? undefined : nodes.get(problem.node);
          return (
            <li key={index}>
              <button type="button" disabled={problem.node === null} data-testid={`publish-problem-${index}`} onClick={() => onJump(problem)}>
                <CircleAlert size={14} />
                <span>
                  {node !== undefined && <strong>{titleOf(node, types.get(node.type))}</strong>}
                  {problem.message}
                </span>
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function TestsPart({ green, onGreen, onLook }: { green: boolean; onGreen: (green: boolean) => void; onLook: () => void }): ReactNode {
  const { t } = useEditor();
  const { count, report, old, running, run } = useTests();
  const failed = report?.results.filter((each) => !each.passed) ?? [];
  return (
    <section className="pm-publish-part">
      <div className="pm-publish-line">
        <h3>{t("publish.tests", { count })}</h3>
        <span className="pm-publish-state" role="status" data-testid="publish-tests" data-state={report === null ? "unknown" : failed.length > 0 ? "failed" : "passed"}>
          {running ? <span className="pm-spinner" /> : report === null ? <FlaskConical size={14} /> : failed.length > 0 ? <X size={14} /> : <Check size={14} />}
          {running ? t("tests.running") : report === null ? t("publish.tests.unknown") : t("tests.summary", { passed: report.passed, failed: report.failed })}
          {report !== null && old && !running && ` · ${t("tests.old")}`}
        </span>
        <Button look="plain" disabled={running} onClick={() => void run()} data-testid="publish-run-tests">
          {t("publish.tests.run")}
        </Button>
      </div>
      {failed.length > 0 && (
        <p className="pm-quiet">
          {t("publish.tests.failed", { names: failed.map((each) => each.name).join(", ") })}{" "}
          <button type="button" className="pm-mini-button" onClick={onLook}>
            {t("publish.tests.look")}
          </button>
        </p>
      )}
      <SwitchField path="require_tests" schema={{ title: t("publish.require") }} value={green} onChange={(value) => onGreen(value === true)} problems={[]} />
    </section>
  );
}

function Warnings({ items, breaks }: { items: readonly Breaking[]; breaks: boolean }): ReactNode {
  const { t } = useEditor();
  return (
    <section className="pm-publish-part pm-publish-warnings" role="alert" data-testid="publish-warnings">
      <h3>
        <TriangleAlert size={14} /> {t(breaks ? "publish.breaking" : "publish.consequences")}
      </h3>
      <ul>
        {items.map((each, index) => (
          <li key={index} data-code={each.code}>
            {each.message}
            {each.callers.length > 0 && <span className="pm-quiet">{t("publish.callers", { names: each.callers.join(", ") })}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}
