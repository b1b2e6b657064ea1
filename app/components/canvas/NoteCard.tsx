// A note for people on the canvas: Markdown, written on a double click or by Enter. It changes nothing in a run.

import { NodeResizer, type Node as CanvasNode, type NodeProps } from "@xyflow/react";
import Markdown from "markdown-to-jsx";
import { memo, useEffect, useRef, useState, type ReactNode } from "react";
import { useEditor } from "./context";
import { Swatches } from "./GroupFrame";
import type { Note } from "./types";

export type NoteNode = CanvasNode<{ note: Note }, "note">;

// Text of others: no HTML of theirs, and links that leave this page alone.
const SAFE = { disableParsingRawHTML: true, forceBlock: true, overrides: { a: { props: { target: "_blank", rel: "noopener noreferrer nofollow", className: "nodrag" } }, img: () => null } };

function NoteCardView({ data, selected }: NodeProps<NoteNode>): ReactNode {
  const { store, t } = useEditor();
  const { note } = data;
  const text = note.text ?? "";
  const [writing, setWriting] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const update = (fields: Partial<Omit<Note, "id">>, merge?: string) =>
    store.dispatch({ op: "note.update", id: note.id, fields }, merge === undefined ? {} : { merge });
  useEffect(() => {
    if (writing) area.current?.focus();
  }, [writing]);
  const color = note.color ?? "amber";
  return (
    <div className="pm-note" data-color={color} data-selected={selected} data-testid={`note-${note.id}`} onDoubleClick={() => setWriting(true)}>
      <NodeResizer
        isVisible={selected}
        minWidth={120}
        minHeight={60}
        onResizeEnd={(_event, { x, y, width, height }) =>
          update({ x: Math.round(x), y: Math.round(y), width: Math.round(width), height: Math.round(height) })
        }
      />
      {writing || text === "" ? (
        <textarea
          ref={area}
          className="nodrag nowheel"
          value={text}
          placeholder={t("note.placeholder")}
          aria-label={t("note.label")}
          onFocus={() => setWriting(true)}
          onBlur={() => setWriting(false)}
          onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
          onChange={(event) => update({ text: event.target.value }, `note.${note.id}.text`)}
        />
      ) : (
        <div className="pm-note-text pm-markdown" tabIndex={0} role="note" aria-label={t("note.label")} onKeyDown={(event) => event.key === "Enter" && (event.preventDefault(), event.stopPropagation(), setWriting(true))}>
          <Markdown options={SAFE}>{text}</Markdown>
        </div>
      )}
      {selected && !writing && (
        <span className="pm-note-tools nodrag">
          <Swatches value={color} onPick={(picked) => update({ color: picked })} />
        </span>
      )}
    </div>
  );
}

export const NoteCard = memo(NoteCardView);
