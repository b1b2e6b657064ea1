// The flow editor. The page gives it a flow's id and what the page's state pushes; it speaks to the API itself.

import "@xyflow/react/dist/style.css";
import "./editor.css";
import "./canvas.css";
import "./structure.css";
import "./panel.css";
import "./publish.css";
import "./together.css";
import { ReactFlowProvider } from "@xyflow/react";
import { Tooltip } from "radix-ui";
import { memo, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { Api, ApiProblem } from "./api";
import { EditorFailure, EditorSkeleton } from "./EditorStates";
import { Feed } from "./feed";
import type { Seen } from "./people";
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
  // Called regularly, so that whoever pushes `live` knows that the page is there.
  onAlive?: () => void;
  // What this page's person points at and has selected, for the others.
  onPresence?: (seen: Seen) => void;
}

function useStores(flowId: string): { api: Api; store: FlowStore; runs: RunStore } | null {
  const [stores, setStores] = useState<{ api: Api; store: FlowStore; runs: RunStore } | null>(null);
  useEffect(() => {
    if (flowId === "") return; // the page does not know yet which flow it shows
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

export const FlowEditor = memo(function FlowEditor({ flowId, locale, colorMode, live, onRun, onAlive, onPresence }: EditorProps): ReactNode {
  // The page's state knows the language a moment later than the page itself.
  const language = locale || document.documentElement.lang || "en";
  const stores = useStores(flowId);
  const { catalog, failure } = useCatalog(language);
  useAlive(flowId, onAlive);
  const dark = useDark(colorMode);
  const feed = useMemo(() => new Feed(), [flowId]);
  useEffect(() => feed.push(live), [feed, live]);
  const tell = useRef(onPresence);
  useEffect(() => {
    tell.current = onPresence;
  }, [onPresence]);
  const content = useMemo(() => {
    if (stores === null || catalog === null) return failure instanceof ApiProblem ? <EditorFailure failure={failure} /> : <EditorSkeleton />;
    return (
      <Workspace key={flowId} flowId={flowId} {...stores} catalog={catalog} locale={language} colorMode={dark ? "dark" : "light"} feed={feed} onPresence={(seen) => tell.current?.(seen)} {...(onRun === undefined ? {} : { onRun })} />
    );
  }, [stores, catalog, failure, flowId, language, dark, feed, onRun]);
  return (
    <Tooltip.Provider delayDuration={500} skipDelayDuration={200}>
      <ReactFlowProvider>
        <div className="pm-editor">{content}</div>
      </ReactFlowProvider>
    </Tooltip.Provider>
  );
});

const ALIVE_MS = 20_000;

function useAlive(flowId: string, onAlive: (() => void) | undefined): void {
  const tell = useRef(onAlive);
  useEffect(() => {
    tell.current = onAlive;
  }, [onAlive]);
  useEffect(() => {
    if (flowId === "") return;
    const say = () => tell.current?.();
    say();
    const timer = setInterval(say, ALIVE_MS);
    window.addEventListener("online", say);
    return () => {
      clearInterval(timer);
      window.removeEventListener("online", say);
    };
  }, [flowId]);
}

// The page marks its root before anything is painted; the prop comes a moment later and again whenever it changes.
function useDark(colorMode: string): boolean {
  const marked = document.documentElement.classList.contains("dark");
  return colorMode === "dark" || (colorMode !== "light" && marked);
}
