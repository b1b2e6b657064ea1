// What every part of the editor shares: the stores, the catalogue, words, and what is selected.

import { createContext, useCallback, useContext, useSyncExternalStore } from "react";
import type { Api } from "./api";
import type { NodeRun, RunStore, ShownRun } from "./runs";
import type { People } from "./people";
import type { FlowStore, Snapshot } from "./sync";
import type { TestRuns } from "./testRuns";
import type { Catalog, ModelInfo, NodeType } from "./types";
import type { Translate } from "./text";
import type { Follow } from "./useFollow";

export type Tab = "inspect" | "chat" | "runs" | "tests";

export interface Editor {
  flowId: string;
  api: Api;
  store: FlowStore;
  runs: RunStore;
  tests: TestRuns;
  // The others who have the flow open.
  people: People;
  catalog: Catalog;
  types: ReadonlyMap<string, NodeType>;
  models: readonly ModelInfo[];
  locale: string;
  t: Translate;
  // Selects a node, brings it into view and opens the inspector, at a param where one is named.
  reveal: (nodeId: string, param?: string | null) => void;
  // Shows a run on the canvas and has the page follow it.
  follow: Follow;
  say: (message: string) => void;
}

const Context = createContext<Editor | null>(null);
export const EditorProvider = Context.Provider;

export function useEditor(): Editor {
  const editor = useContext(Context);
  if (editor === null) throw new Error("the editor's parts live inside the editor");
  return editor;
}

export function useFlow(): Snapshot {
  const { store } = useEditor();
  return useSyncExternalStore(useCallback((told) => store.subscribe(told), [store]), () => store.getSnapshot());
}

export function useNodeRun(id: string): NodeRun {
  const { runs } = useEditor();
  return useSyncExternalStore(
    useCallback((told) => runs.subscribe(id, told), [runs, id]),
    () => runs.node(id),
  );
}

// Whether no test reaches this node, or takes this port ("node.port").
export function useUncovered(id: string): ReadonlySet<string> {
  const { runs } = useEditor();
  return useSyncExternalStore(useCallback((told) => runs.subscribe(id, told), [runs, id]), runs.uncovered);
}

export function useRun(): ShownRun | null {
  const { runs } = useEditor();
  return useSyncExternalStore(useCallback((told) => runs.subscribe("", told), [runs]), runs.current);
}

export function useEndings(): number {
  const { runs } = useEditor();
  return useSyncExternalStore(useCallback((told) => runs.subscribe("", told), [runs]), runs.endings);
}
