// The flow editor. The page gives it a flow's id and what the page's state pushes; it speaks to the API itself.

import "@xyflow/react/dist/style.css";
import "./editor.css";
import "./canvas.css";
import "./panel.css";
import { ReactFlowProvider } from "@xyflow/react";
import { Tooltip } from "radix-ui";
import { memo, useEffect, useMemo, useState, type ReactNode } from "react";
import { Api, ApiProblem } from "./api";
import { EditorFailure, EditorSkeleton } from "./EditorStates";
import { Workspace } from "./Workspace";
import { RunStore } from "./runs";
import { FlowStore } from "./sync";
import type { Catalog, Live } from "./types";

export interface EditorProps {
  flowId: string;
  locale: string;
  colorMode: "light" | "dark" | "system";
  live: Live;
  onRun?: (runId: string) => void;
}

function useStores(flowId: string): { api: Api; store: FlowStore; runs: RunStore } | null {
  const [stores, setStores] = useState<{ api: Api; store: FlowStore; runs: RunStore } | null>(null);
  useEffect(() => {
    const api = new Api();
    const store = new FlowStore({ flowId, api });
    setStores({ api, store, runs: new RunStore() });
    void store.load();
    return () => store.dispose();
  }, [flowId]);
  return stores;
}

function useCatalog(locale: string): { catalog: Catalog | null; failure: Error | null } {
  const [catalog, setCatalog] = useState<Catalog | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  useEffect(() => {
    let here = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    // Whatever the server's trouble is, it passes: ask again until it does.
    const ask = () =>
      new Api().getCatalog(locale).then(
        (found) => {
          if (!here) return;
          setCatalog(found);
          setFailure(null);
        },
        (error: unknown) => {
          if (!here) return;
          setFailure(error instanceof Error ? error : new Error(String(error)));
          if (!(error instanceof ApiProblem) || error.status >= 500) timer = setTimeout(ask, 2_000);
        },
      );
    void ask();
    return () => {
      here = false;
      clearTimeout(timer);
    };
  }, [locale]);
  return { catalog, failure };
}

export const FlowEditor = memo(function FlowEditor({ flowId, locale, colorMode, live, onRun }: EditorProps): ReactNode {
  const stores = useStores(flowId);
  const { catalog, failure } = useCatalog(locale);
  const language = locale || "en";
  const dark = useDark(colorMode);
  const content = useMemo(() => {
    if (stores === null || catalog === null) return failure instanceof ApiProblem ? <EditorFailure failure={failure} /> : <EditorSkeleton />;
    return (
      <Workspace key={flowId} flowId={flowId} {...stores} catalog={catalog} locale={language} colorMode={dark ? "dark" : "light"} live={live} {...(onRun === undefined ? {} : { onRun })} />
    );
  }, [stores, catalog, failure, flowId, language, dark, live, onRun]);
  return (
    <Tooltip.Provider delayDuration={500} skipDelayDuration={200}>
      <ReactFlowProvider>
        <div className="pm-editor">{content}</div>
      </ReactFlowProvider>
    </Tooltip.Provider>
  );
});

// The page says light, dark or system; the system may change while we look.
function useDark(colorMode: string): boolean {
  const [system, setSystem] = useState(() => window.matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = window.matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setSystem(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return colorMode === "dark" || (colorMode === "system" && system);
}
