// A group on the canvas: a coloured frame with a name, around nodes that belong together for people.

import { type NodeProps } from "@xyflow/react";
import { Ungroup } from "lucide-react";
import { memo, useState, type ReactNode } from "react";
import { useEditor } from "./context";
import { COLORS, type GroupNode } from "./groups";
import { IconButton } from "./ui";

export function Swatches({ value, onPick }: { value: string; onPick: (color: string) => void }): ReactNode {
  const { t } = useEditor();
  return (
    <div className="pm-swatches" role="group" aria-label={t("color.label")}>
      {COLORS.map((color) => (
        <button key={color} type="button" data-color={color} aria-pressed={value === color} aria-label={t(`color.${color}`)} title={t(`color.${color}`)} onClick={() => onPick(color)} />
      ))}
    </div>
  );
}

function GroupFrameView({ data, selected }: NodeProps<GroupNode>): ReactNode {
  const { store, t } = useEditor();
  const { group } = data;
  const [naming, setNaming] = useState(false);
  const title = group.title ?? "";
  return (
    <section className="pm-group" data-color={group.color ?? "sand"} data-selected={selected} data-testid={`group-${group.id}`} aria-label={title || t("group.untitled")}>
      <header className="pm-group-head" onDoubleClick={() => setNaming(true)}>
        {naming ? (
          <input
            className="nodrag"
            autoFocus
            value={title}
            maxLength={120}
            placeholder={t("group.untitled")}
            aria-label={t("group.name")}
            onChange={(event) => store.dispatch({ op: "group.update", id: group.id, fields: { title: event.target.value } }, { merge: `group.${group.id}.title` })}
            onBlur={() => setNaming(false)}
            onKeyDown={(event) => (event.key === "Enter" || event.key === "Escape") && setNaming(false)}
          />
        ) : (
          <button type="button" className="pm-group-name" onDoubleClick={() => setNaming(true)} onKeyDown={(event) => event.key === "F2" && setNaming(true)} title={t("group.rename")}>
            {title || t("group.untitled")}
          </button>
        )}
        {selected && !naming && (
          <span className="pm-group-tools nodrag">
            <Swatches value={group.color ?? "sand"} onPick={(color) => store.dispatch({ op: "group.update", id: group.id, fields: { color } })} />
            <IconButton label={t("action.ungroup")} onClick={() => store.dispatch({ op: "group.remove", id: group.id })}>
              <Ungroup size={14} />
            </IconButton>
          </span>
        )}
      </header>
    </section>
  );
}

export const GroupFrame = memo(GroupFrameView);
