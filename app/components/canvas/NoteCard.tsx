// A note for people on the canvas. It changes nothing in a run.

import { NodeResizer, type Node as CanvasNode, type NodeProps } from "@xyflow/react";
import { memo, type ReactNode } from "react";
import { useEditor } from "./context";
import type { Note } from "./types";

export type NoteNode = CanvasNode<{ note: Note }, "note">;

function NoteCardView({ data, selected }: NodeProps<NoteNode>): ReactNode {
  const { store, t } = useEditor();
  const { note } = data;
  const update = (fields: Partial<Omit<Note, "id">>, merge?: string) =>
    store.dispatch({ op: "note.update", id: note.id, fields }, merge === undefined ? {} : { merge });
  return (
    <div className="pm-note" data-color={note.color ?? "amber"} data-selected={selected} data-testid={`note-${note.id}`}>
      <NodeResizer
        isVisible={selected}
        minWidth={120}
        minHeight={60}
        onResizeEnd={(_event, { x, y, width, height }) =>
          update({ x: Math.round(x), y: Math.round(y), width: Math.round(width), height: Math.round(height) })
        }
      />
      <textarea
        className="nodrag nowheel"
        value={note.text ?? ""}
        placeholder={t("note.placeholder")}
        aria-label={t("note.label")}
        onChange={(event) => update({ text: event.target.value }, `note.${note.id}.text`)}
      />
    </div>
  );
}

export const NoteCard = memo(NoteCardView);
