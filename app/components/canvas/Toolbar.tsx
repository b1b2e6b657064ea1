// The bar of tools at the bottom of the canvas.

import { useReactFlow, useViewport } from "@xyflow/react";
import { Expand, Hand, MousePointer2, StickyNote, Wand2, ZoomIn, ZoomOut } from "lucide-react";
import type { ReactNode } from "react";
import { useEditor } from "./context";
import type { Position } from "./types";
import { IconButton } from "./ui";

export type Tool = "select" | "hand";

interface Props {
  tool: Tool;
  onTool: (tool: Tool) => void;
  onFit: () => void;
  centre: () => Position;
  onTidy: () => void;
  covered: { left: number; right: number };
}

export function Toolbar({ tool, onTool, onFit, onTidy, centre, covered }: Props): ReactNode {
  const { store, t } = useEditor();
  const canvas = useReactFlow();
  const { zoom } = useViewport();
  const addNote = () => {
    const { x, y } = centre();
    const note = { id: `note_${crypto.randomUUID().slice(0, 8)}`, text: "", x: Math.round(x - 120), y: Math.round(y - 60), width: 240, height: 120 };
    store.dispatch({ op: "note.add", note });
  };
  return (
    <div className="pm-toolbar-place" style={{ left: covered.left, right: covered.right }}>
      <div className="pm-toolbar" role="toolbar" aria-label={t("toolbar.label")}>
        <IconButton label={t("toolbar.select")} keys="V" pressed={tool === "select"} onClick={() => onTool("select")}>
          <MousePointer2 size={16} />
        </IconButton>
        <IconButton label={t("toolbar.hand")} keys="H" pressed={tool === "hand"} onClick={() => onTool("hand")}>
          <Hand size={16} />
        </IconButton>
        <IconButton label={t("toolbar.note")} onClick={addNote}>
          <StickyNote size={16} />
        </IconButton>
        <IconButton label={t("action.tidy_all")} keys="Shift L" data-testid="tidy" onClick={onTidy}>
          <Wand2 size={16} />
        </IconButton>
        <span className="pm-divider" />
        <IconButton label={t("toolbar.zoom_out")} onClick={() => void canvas.zoomOut({ duration: 120 })}>
          <ZoomOut size={16} />
        </IconButton>
        <button type="button" className="pm-zoom" title={t("toolbar.zoom_reset")} onClick={() => void canvas.zoomTo(1, { duration: 120 })}>
          {Math.round(zoom * 100)}%
        </button>
        <IconButton label={t("toolbar.zoom_in")} onClick={() => void canvas.zoomIn({ duration: 120 })}>
          <ZoomIn size={16} />
        </IconButton>
        <IconButton label={t("toolbar.fit")} keys="Shift 1" onClick={() => onFit()}>
          <Expand size={16} />
        </IconButton>
      </div>
    </div>
  );
}
