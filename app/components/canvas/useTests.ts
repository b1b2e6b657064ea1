// Running the flow's tests from wherever they are shown: edits go first, what no test reaches is marked on the canvas.

import { useCallback, useSyncExternalStore } from "react";
import { ApiProblem } from "./api";
import { useEditor, useFlow } from "./context";
import type { TestReport } from "./types";

interface Tests {
  count: number;
  report: TestReport | null;
  // Whether the flow was edited after the tests ran.
  old: boolean;
  running: boolean;
  run: () => Promise<void>;
}

export function useTests(): Tests {
  const { api, flowId, runs, store, tests, say, t } = useEditor();
  const { flow, revision } = useFlow();
  const state = useSyncExternalStore(tests.subscribe, tests.getSnapshot);
  const run = useCallback(async () => {
    try {
      await store.flush();
      const report = await tests.run(() => api.runTests(flowId), () => store.getSnapshot().revision);
      if (report !== null) runs.markUncovered([...report.uncovered_nodes, ...report.uncovered_branches]);
    } catch (error) {
      say(error instanceof ApiProblem ? error.detail : t("tests.unreachable"));
    }
  }, [api, flowId, runs, store, tests, say, t]);
  return { count: (flow.tests ?? []).length, report: state.report, old: state.report !== null && state.revision !== revision, running: state.running, run };
}
