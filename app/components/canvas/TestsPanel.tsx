// The flow's tests: run them all, see what came out other than expected, and what none of them reaches.

import { Check, Trash2, X } from "lucide-react";
import type { ReactNode } from "react";
import { useEditor, useFlow } from "./context";
import { Button, IconButton } from "./ui";
import type { Json, TestReport, TestResult } from "./types";
import { useTests } from "./useTests";

const written = (value: Json): string => (typeof value === "string" ? value : JSON.stringify(value));

export function TestsPanel(): ReactNode {
  const { store, t } = useEditor();
  const { flow } = useFlow();
  const { report, running, old, run } = useTests();
  const tests = flow.tests ?? [];
  const remove = (index: number) => store.dispatch({ op: "flow.set", name: "tests", value: tests.filter((_each, at) => at !== index) as Json });
  if (tests.length === 0) return <p className="pm-nothing">{t("tests.empty")}</p>;
  return (
    <div className="pm-tests">
      <div className="pm-section pm-tests-head">
        <Button onClick={() => void run()} disabled={running} data-testid="run-tests">
          {t(running ? "tests.running" : "tests.run")}
        </Button>
        {report !== null && (
          <span className="pm-quiet" role="status" data-testid="tests-summary">
            {t("tests.summary", { passed: report.passed, failed: report.failed })}
            {old && ` · ${t("tests.old")}`}
          </span>
        )}
      </div>
      <ul className="pm-run-list">
        {tests.map((test, index) => {
          const name = String(test["name"] ?? index + 1);
          return <TestRow key={name} name={name} result={report?.results.find((each) => each.name === name)} onRemove={() => remove(index)} />;
        })}
      </ul>
      {report !== null && report.uncovered_nodes.length + report.uncovered_branches.length > 0 && <Uncovered report={report} />}
    </div>
  );
}

function TestRow({ name, result, onRemove }: { name: string; result: TestResult | undefined; onRemove: () => void }): ReactNode {
  const { t } = useEditor();
  return (
    <li className="pm-test" data-passed={result?.passed}>
      <div className="pm-test-line">
        {result === undefined ? <span className="pm-test-mark" /> : result.passed ? <Check size={14} aria-label={t("tests.passed")} /> : <X size={14} aria-label={t("tests.failed")} />}
        <span>{name}</span>
        {result !== undefined && (
          <a className="pm-quiet" href={`/runs/${result.run_id}`}>
            {t("tests.look")}
          </a>
        )}
        <IconButton label={t("list.remove")} onClick={onRemove}>
          <Trash2 size={13} />
        </IconButton>
      </div>
      {result?.mismatches.map((each) => (
        <dl key={each.what}>
          <dt>{each.what}</dt>
          <dd>
            <ins>{written(each.expected)}</ins> <del>{written(each.found)}</del>
          </dd>
        </dl>
      ))}
    </li>
  );
}

function Uncovered({ report }: { report: TestReport }): ReactNode {
  const { reveal, t } = useEditor();
  return (
    <div className="pm-section">
      <h3>{t("tests.uncovered")}</h3>
      <ul className="pm-uncovered">
        {[...report.uncovered_nodes, ...report.uncovered_branches].map((each) => (
          <li key={each}>
            <button type="button" className="pm-mini-button" onClick={() => reveal(each.split(".")[0]!)}>
              {each}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
