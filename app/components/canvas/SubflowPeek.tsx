// A sub-flow opened in place: its canvas to look at, over the flow that calls it.

import { Background, ReactFlow, ReactFlowProvider } from "@xyflow/react";
import { ExternalLink } from "lucide-react";
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { ApiProblem } from "./api";
import { EditorProvider, useEditor } from "./context";
import { FlowEdgeView } from "./FlowEdgeView";
import { FrameCard } from "./FrameCard";
import { GroupFrame } from "./GroupFrame";
import { NodeCard } from "./NodeCard";
import { NoteCard } from "./NoteCard";
import { RunStore } from "./runs";
import { FlowStore } from "./sync";
import type { FlowView } from "./types";
import { Modal } from "./ui";
import { useCanvas } from "./useCanvas";

const NODE_TYPES = { card: NodeCard, frame: FrameCard, note: NoteCard, cluster: GroupFrame };
const EDGE_TYPES = { flow: FlowEdgeView };
const FIT = { padding: 0.12, maxZoom: 1 };

export function SubflowPeek({ nodeId, onClose }: { nodeId: string; onClose: () => void }): ReactNode {
  const { api, store, t } = useEditor();
  const called = (store.getSnapshot().flow.nodes ?? []).find((node) => node.id === nodeId)?.params?.["flow"];
  const [view, setView] = useState<FlowView | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    let here = true;
    api.getFlow(String(called)).then(
      (found) => here && setView(found),
      (error: unknown) => here && setFailure(error instanceof ApiProblem ? error.detail : t("peek.unreachable")),
    );
    return () => {
      here = false;
    };
  }, [api, called, t]);
  return (
    <Modal open onOpenChange={(open) => !open && onClose()} title={view?.name || t("flow.untitled")} closeLabel={t("close")} wide>
      <div className="pm-peek" data-testid="subflow-peek">
        {failure !== null && <p className="pm-nothing">{failure}</p>}
        {view !== null && <Still view={view} />}
      </div>
      <footer>
        <span className="pm-hint">{t("peek.hint")}</span>
        <a className="pm-button" data-look="primary" href={`/flows/${String(called)}`}>
          <ExternalLink size={14} /> {t("peek.open")}
        </a>
      </footer>
    </Modal>
  );
}

// The cards ask the editor for words and state; here they get those of the flow on show, at rest.
function Still({ view }: { view: FlowView }): ReactNode {
  const editor = useEditor();
  const still = useMemo(() => {
    const nothing = () => Promise.reject(new ApiProblem(405, "peek", ""));
    const api = { getFlow: () => Promise.resolve(view), operationsSince: () => Promise.resolve({ revision: view.revision, operations: [] }), submit: nothing };
    return { ...editor, flowId: view.id, store: new FlowStore({ flowId: `peek:${view.id}`, api }), runs: new RunStore() };
  }, [editor, view]);
  useEffect(() => {
    void still.store.load();
    return () => still.store.dispose();
  }, [still]);
  return (
    <EditorProvider value={still}>
      <ReactFlowProvider>
        <StillCanvas view={view} />
      </ReactFlowProvider>
    </EditorProvider>
  );
}

function StillCanvas({ view }: { view: FlowView }): ReactNode {
  const { types } = useEditor();
  const model = useCanvas(view.document, types);
  const dark = document.documentElement.classList.contains("dark");
  return (
    <ReactFlow
      nodes={model.nodes}
      edges={model.edges}
      nodeTypes={NODE_TYPES}
      edgeTypes={EDGE_TYPES}
      onNodesChange={model.onNodesChange}
      fitView
      fitViewOptions={FIT}
      minZoom={0.2}
      nodesDraggable={false}
      nodesConnectable={false}
      elementsSelectable={false}
      nodesFocusable={false}
      edgesFocusable={false}
      colorMode={dark ? "dark" : "light"}
      proOptions={{ hideAttribution: true }}
    >
      <Background gap={20} size={1.5} />
    </ReactFlow>
  );
}
