// Which node? Asked where an edge was dropped on the empty canvas, for the middle of an edge, and to replace a node.

import { Popover } from "radix-ui";
import type { ReactNode } from "react";
import { useEditor } from "./context";
import { NodeList } from "./Palette";
import type { NodeType, Position } from "./types";

export interface QuickAddAt {
  screen: Position;
  from?: { node: string; port: string };
  // The edge it is put on.
  edge?: string;
  // The node it takes the place of, and whether that one starts the flow.
  replaces?: { id: string; trigger: boolean };
}

export function QuickAdd({ at, onPick, onClose }: { at: QuickAddAt; onPick: (type: NodeType) => void; onClose: () => void }): ReactNode {
  const { t } = useEditor();
  return (
    <Popover.Root open onOpenChange={(open) => !open && onClose()}>
      <Popover.Anchor style={{ position: "fixed", left: at.screen.x, top: at.screen.y }} />
      <Popover.Portal>
        <Popover.Content className="pm-pop pm-quick-add" side="right" align="start" collisionPadding={8} aria-label={t("palette.search")}>
          <NodeList onAdd={onPick} withoutTriggers={at.replaces?.trigger !== true} focusAtOnce />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
