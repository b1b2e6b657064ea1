// The bar above several selected nodes: line up, space out, group, lay out, extract. It hides while they are dragged.

import { NodeToolbar, Position as Side, useStore } from "@xyflow/react";
import { Ellipsis } from "lucide-react";
import { memo, type ReactNode } from "react";
import type { Action } from "./actions";
import { useEditor } from "./context";
import { IconButton } from "./ui";

interface Props {
  ids: readonly string[];
  actions: readonly Action[];
  onMore: (screen: { x: number; y: number }) => void;
}

const SHOWN = new Set(["align", "arrange"]);

export const SelectionBar = memo(function SelectionBar({ ids, actions, onMore }: Props): ReactNode {
  const { t } = useEditor();
  const busy = useStore((state) => state.userSelectionActive || state.nodes.some((node) => node.dragging));
  if (busy || ids.length < 2) return null;
  const shown = actions.filter((action) => SHOWN.has(action.part));
  return (
    <NodeToolbar nodeId={[...ids]} isVisible position={Side.Top} offset={14}>
      <div className="pm-selection-bar" role="toolbar" aria-label={t("menu.selection", { count: ids.length })} data-testid="selection-bar">
        {shown.map((action, index) => {
          const Icon = action.icon;
          const first = index > 0 && shown[index - 1]!.part !== action.part;
          return (
            <span key={action.id} className="pm-bar-slot" data-first={first}>
              <IconButton label={action.label} onClick={action.run} data-testid={`bar-${action.id}`} {...(action.keys === undefined ? {} : { keys: action.keys })}>
                <Icon size={16} strokeWidth={1.75} />
              </IconButton>
            </span>
          );
        })}
        <span className="pm-bar-slot" data-first>
          <IconButton
            label={t("menu.more")}
            data-testid="bar-more"
            onClick={(event) => {
              const box = event.currentTarget.getBoundingClientRect();
              onMore({ x: box.left, y: box.bottom });
            }}
          >
            <Ellipsis size={16} />
          </IconButton>
        </span>
      </div>
    </NodeToolbar>
  );
});
