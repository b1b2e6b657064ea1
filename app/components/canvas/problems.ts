// Problems by the place they belong to; grouped once for each list the store gives.

import { useCallback, useSyncExternalStore } from "react";
import { useEditor } from "./context";
import type { Problem } from "./types";

const NONE: readonly Problem[] = [];
const grouped = new WeakMap<readonly Problem[], Map<string, Problem[]>>();

export function problemsOf(problems: readonly Problem[], nodeId: string): readonly Problem[] {
  let groups = grouped.get(problems);
  if (groups === undefined) {
    groups = new Map();
    for (const problem of problems) {
      if (problem.node === null) continue;
      groups.set(problem.node, [...(groups.get(problem.node) ?? []), problem]);
    }
    grouped.set(problems, groups);
  }
  return groups.get(nodeId) ?? NONE;
}

// The count and worst severity as one string, so that a card re-renders only when they change.
export function useProblemMark(nodeId: string): { count: number; severity: string } {
  const { store } = useEditor();
  const mark = useSyncExternalStore(
    useCallback((told) => store.subscribe(told), [store]),
    () => {
      const found = problemsOf(store.getSnapshot().problems, nodeId);
      return `${found.length} ${found.some((each) => each.severity === "error") ? "error" : "warning"}`;
    },
  );
  const [count, severity] = mark.split(" ");
  return { count: Number(count), severity: severity ?? "warning" };
}

// The problems of one param: of the param itself or of a place inside it ("cases[0].when.left" belongs to "cases").
export function problemsOfParam(problems: readonly Problem[], path: string): Problem[] {
  return problems.filter(({ param }) => {
    if (param === null || !param.startsWith(path)) return false;
    return param.length === path.length || param[path.length] === "." || param[path.length] === "[";
  });
}
