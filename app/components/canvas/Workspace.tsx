// The editor once its flow and its catalogue are known: header, palette, canvas, panel, and what joins them.

import { X } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { Canvas, type CanvasHandle } from "./Canvas";
import { EditorProvider, useEditor, useFlow, type Editor, type Tab } from "./context";
import { fragment, paste } from "./edits";
import { EditorFailure, EditorSkeleton } from "./EditorStates";
import { Header } from "./Header";
import { NodeList } from "./Palette";
import { Panel, rememberedWidth } from "./Panel";
import { ProblemsPill } from "./ProblemsPill";
import { RunBar } from "./RunBar";
import { RunDialog } from "./RunDialog";
import { PublishDialog } from "./PublishDialog";
import { TestRuns } from "./testRuns";
import { translator } from "./text";
import { useFollow } from "./useFollow";
import { useMedia } from "./useMedia";
import { AsideNotice } from "./Asides";
import { People, type Seen } from "./people";
import { PresenceLayer } from "./Presence";
import type { EditorProps } from "./Editor";
import type { Api } from "./api";
import type { Feed } from "./feed";
import type { RunStore } from "./runs";
import type { FlowStore } from "./sync";
import type { Catalog } from "./types";

interface Props extends Omit<EditorProps, "colorMode" | "live" | "onPresence"> {
  feed: Feed;
  onPresence: (seen: Seen) => void;
  api: Api;
  store: FlowStore;
  runs: RunStore;
  catalog: Catalog;
  colorMode: "light" | "dark";
}

const PALETTE_COVERS = 208 + 16;
const TOAST_MS = 5_000;

export function Workspace({ flowId, api, store, runs, catalog, locale, colorMode, feed, onRun, onPresence }: Props): ReactNode {
  const narrow = useMedia("(max-width: 900px)");
  const [selected, setSelected] = useState<readonly string[]>([]);
  const [tab, setTab] = useState<Tab>("inspect");
  const [panelOpen, setPanelOpen] = useState(() => !window.matchMedia("(max-width: 900px)").matches);
  const [paletteOpen, setPaletteOpen] = useState(false);
  const [width, setWidth] = useState(rememberedWidth);
  const [running, setRunning] = useState(false);
  const [publishing, setPublishing] = useState(false);
  const [problemsOpen, setProblemsOpen] = useState(false);
  const [toast, setToast] = useState<string | null>(null);
  const canvas = useRef<CanvasHandle | null>(null);
  const hold = useCallback((handle: CanvasHandle) => {
    canvas.current = handle;
  }, []);
  const t = useMemo(() => translator(catalog.strings, locale), [catalog, locale]);
  const types = useMemo(() => new Map(catalog.nodes.map((type) => [type.key, type])), [catalog]);
  const tests = useMemo(() => new TestRuns(), [flowId]);
  const people = useMemo(() => new People(onPresence), [flowId]);
  useEffect(() => () => people.stop(), [people]);
  const follow = useFollow({ api, store, runs, people, feed, onRun });
  const reveal = useCallback((nodeId: string, param?: string | null) => {
    canvas.current?.focus(nodeId);
    setSelected([nodeId]);
    setTab("inspect");
    setPanelOpen(true);
    if (param == null) return;
    const name = CSS.escape(param.split(/[.[]/)[0] ?? param);
    setTimeout(() => document.querySelector<HTMLElement>(`[data-testid="field-${name}"] :is(input, textarea, select)`)?.focus(), 60);
  }, []);
  const editor: Editor = useMemo(
    () => ({ flowId, api, store, runs, tests, people, catalog, types, models: catalog.models, locale, t, reveal, follow, say: setToast }),
    [flowId, api, store, runs, tests, people, catalog, types, locale, t, reveal, follow],
  );
  useEffect(() => {
    if (toast === null) return;
    const timer = setTimeout(() => setToast(null), TOAST_MS);
    return () => clearTimeout(timer);
  }, [toast]);
  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && !(event.target as HTMLElement).closest("[role=dialog], .pm-chat")) {
        event.preventDefault();
        setRunning(true);
      }
    };
    document.addEventListener("keydown", keys);
    return () => document.removeEventListener("keydown", keys);
  }, []);
  const onSelect = useCallback((ids: string[]) => {
    setSelected((before) => (before.join() === ids.join() ? before : ids));
    // A click on a node is a wish to see it; the chat is left only for that.
    if (ids.length === 1) setTab((now) => (now === "runs" ? now : "inspect"));
  }, []);
  const duplicate = () => {
    const { flow } = store.getSnapshot();
    const part = fragment(flow, selected);
    const [first] = Object.values(part.places);
    const pasted = paste(flow, part, { x: (first?.x ?? 0) + 40, y: (first?.y ?? 0) + 60 }, true);
    if (pasted !== null && store.dispatch(pasted.op)) canvas.current?.focus(pasted.ids[0]!);
  };
  const showTests = useCallback(() => {
    setTab("tests");
    setPanelOpen(true);
  }, []);
  const covered = useMemo(() => ({ left: narrow ? 0 : PALETTE_COVERS, right: 0 }), [narrow]);
  return (
    <EditorProvider value={editor}>
      <Ready>
        <div className="pm-frame">
          <Header narrow={narrow} panelOpen={panelOpen} onPalette={() => setPaletteOpen(true)} onPanel={() => setPanelOpen(!panelOpen)} onRun={() => setRunning(true)} onPublish={() => setPublishing(true)} />
          <div className="pm-body">
            <Canvas onSelect={onSelect} covered={covered} colorMode={colorMode} handle={hold}>
              {(!narrow || paletteOpen) && (
                <nav className="pm-palette" data-narrow={narrow} aria-label={t("palette.label")}>
                  {narrow && (
                    <button type="button" className="pm-icon-button pm-sheet-close" aria-label={t("close")} onClick={() => setPaletteOpen(false)}>
                      <X size={16} />
                    </button>
                  )}
                  <NodeList
                    onAdd={(type) => {
                      canvas.current?.add(type);
                      setPaletteOpen(false);
                    }}
                  />
                </nav>
              )}
              <RunBar />
              <PresenceLayer selected={selected} />
              <AsideNotice />
              <ProblemsPill open={problemsOpen} onOpenChange={setProblemsOpen} />
              <Toast message={toast} onClose={() => setToast(null)} closeLabel={t("close")} />
            </Canvas>
            {panelOpen && <Panel tab={tab} onTab={setTab} selected={selected} onDuplicate={duplicate} narrow={narrow} width={width} onWidth={setWidth} onClose={() => setPanelOpen(false)} />}
          </div>
          <RunDialog open={running} onOpenChange={setRunning} />
          <PublishDialog open={publishing} onOpenChange={setPublishing} onTests={showTests} />
          <Refusal say={setToast} />
          <Title />
        </div>
      </Ready>
    </EditorProvider>
  );
}

// The browser tab wears the flow's name.
function Title(): ReactNode {
  const { flow } = useFlow();
  const name = flow.name ?? "";
  useEffect(() => {
    document.title = name === "" ? "Prometey" : `${name} · Prometey`;
    return () => {
      document.title = "Prometey";
    };
  }, [name]);
  return null;
}

// The server takes no edits at all: why, in the same place as other news.
function Refusal({ say }: { say: (message: string) => void }): ReactNode {
  const { t } = useEditor();
  const { refusal } = useFlow();
  useEffect(() => {
    if (refusal !== null) say(t("save.refused", { reason: refusal.detail }));
  }, [refusal, say, t]);
  return null;
}

function Ready({ children }: { children: ReactNode }): ReactNode {
  const { loaded, failure } = useFlow();
  if (loaded) return children;
  return failure !== null ? <EditorFailure failure={failure} /> : <EditorSkeleton />;
}

function Toast({ message, onClose, closeLabel }: { message: string | null; onClose: () => void; closeLabel: string }): ReactNode {
  return (
    <div className="pm-toast-place" role="status" aria-live="polite">
      {message !== null && (
        <div className="pm-toast" data-testid="toast">
          {message}
          <button type="button" className="pm-icon-button" aria-label={closeLabel} onClick={onClose}>
            <X size={14} />
          </button>
        </div>
      )}
    </div>
  );
}
