// The menu of the right mouse button (or of the menu key): what can be done to what was clicked.

import { DropdownMenu } from "radix-ui";
import { Fragment, type ReactNode } from "react";
import type { Action } from "./actions";
import { useEditor } from "./context";
import type { Position } from "./types";

export interface MenuAt {
  screen: Position;
  actions: readonly Action[];
}

const NAMED_ALONE = new Set(["align"]);

export function CanvasMenu({ at, onClose }: { at: MenuAt; onClose: () => void }): ReactNode {
  const { t } = useEditor();
  const parts = [...new Set(at.actions.map((action) => action.part))];
  return (
    <DropdownMenu.Root open modal={false} onOpenChange={(open) => !open && onClose()}>
      <DropdownMenu.Trigger asChild>
        <span aria-hidden style={{ position: "fixed", left: at.screen.x, top: at.screen.y }} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="pm-pop pm-menu" align="start" sideOffset={2} collisionPadding={8} loop aria-label={t("menu.label")} data-testid="canvas-menu" onCloseAutoFocus={(event) => event.preventDefault()}>
          {parts.map((part, index) => {
            const actions = at.actions.filter((action) => action.part === part);
            return (
              <Fragment key={part}>
                {index > 0 && <DropdownMenu.Separator className="pm-menu-line" />}
                {NAMED_ALONE.has(part) ? <Row actions={actions} label={t("menu.align")} /> : actions.map((action) => <Item key={action.id} action={action} />)}
              </Fragment>
            );
          })}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

// `run` after the menu has gone: what it opens takes the focus.
const later = (action: Action) => () => setTimeout(action.run, 0);

function Item({ action }: { action: Action }): ReactNode {
  const Icon = action.icon;
  return (
    <DropdownMenu.Item className="pm-menu-item" data-testid={`action-${action.id}`} data-danger={action.part === "remove"} onSelect={later(action)}>
      <Icon size={15} strokeWidth={1.75} />
      <span>{action.label}</span>
      {action.keys !== undefined && <kbd>{action.keys}</kbd>}
    </DropdownMenu.Item>
  );
}

function Row({ actions, label }: { actions: readonly Action[]; label: string }): ReactNode {
  return (
    <DropdownMenu.Group className="pm-menu-row" aria-label={label}>
      {actions.map((action) => {
        const Icon = action.icon;
        return (
          <DropdownMenu.Item key={action.id} className="pm-icon-button" data-testid={`action-${action.id}`} aria-label={action.label} title={action.label} onSelect={later(action)}>
            <Icon size={16} strokeWidth={1.75} />
          </DropdownMenu.Item>
        );
      })}
    </DropdownMenu.Group>
  );
}
