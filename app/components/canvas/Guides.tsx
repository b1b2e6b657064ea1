// The guides on show while something is dragged: a tiny store, so that the canvas itself does not render for them.

import { ViewportPortal } from "@xyflow/react";
import { memo, useSyncExternalStore, type ReactNode } from "react";
import type { Guide } from "./snapping";

export class GuideStore {
  private shown: readonly Guide[] = [];
  private readonly listeners = new Set<() => void>();

  show(guides: readonly Guide[]): void {
    if (guides.length === 0 && this.shown.length === 0) return;
    this.shown = guides;
    for (const listener of this.listeners) listener();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  current = (): readonly Guide[] => this.shown;
}

export const Guides = memo(function Guides({ store }: { store: GuideStore }): ReactNode {
  const guides = useSyncExternalStore(store.subscribe, store.current);
  if (guides.length === 0) return null;
  return (
    <ViewportPortal>
      {guides.map(({ axis, at, from, to }) => (
        <span
          key={axis}
          className="pm-guide"
          data-axis={axis}
          data-testid={`guide-${axis}`}
          style={axis === "x" ? { transform: `translate(${at}px, ${from}px)`, height: to - from } : { transform: `translate(${from}px, ${at}px)`, width: to - from }}
        />
      ))}
    </ViewportPortal>
  );
});
