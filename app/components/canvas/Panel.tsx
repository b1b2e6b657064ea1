// The right panel: inspect, test chat, runs. Its width is remembered; on narrow screens it is a sheet.

import { X } from "lucide-react";
import { Tabs } from "radix-ui";
import { useRef, useState, type PointerEvent, type ReactNode } from "react";
import { ChatPanel } from "./ChatPanel";
import { useEditor, type Tab } from "./context";
import { Inspector } from "./Inspector";
import { RunsPanel } from "./RunsPanel";
import { TestsPanel } from "./TestsPanel";
import { IconButton } from "./ui";

const [NARROWEST, WIDEST, USUAL] = [300, 640, 372];
const KEY = "prometey.panel";

export function rememberedWidth(): number {
  const width = Number(localStorage.getItem(KEY));
  return width >= NARROWEST && width <= WIDEST ? width : USUAL;
}

interface Props {
  tab: Tab;
  onTab: (tab: Tab) => void;
  selected: readonly string[];
  onDuplicate: () => void;
  narrow: boolean;
  width: number;
  onWidth: (width: number) => void;
  onClose: () => void;
}

export function Panel({ tab, onTab, selected, onDuplicate, narrow, width, onWidth, onClose }: Props): ReactNode {
  const { t } = useEditor();
  const tabs: readonly Tab[] = ["inspect", "chat", "runs", "tests"];
  return (
    <aside className="pm-panel" data-narrow={narrow} style={narrow ? {} : { width }} aria-label={t("panel.label")}>
      {!narrow && <Resizer width={width} onWidth={onWidth} />}
      <Tabs.Root value={tab} onValueChange={(next) => onTab(next as Tab)} className="pm-tabs">
        <div className="pm-tab-bar">
          <Tabs.List aria-label={t("panel.label")}>
            {tabs.map((each) => (
              <Tabs.Trigger key={each} value={each} data-testid={`tab-${each}`}>
                {t(`panel.${each}`)}
              </Tabs.Trigger>
            ))}
          </Tabs.List>
          {narrow && (
            <IconButton label={t("close")} onClick={onClose}>
              <X size={16} />
            </IconButton>
          )}
        </div>
        <Tabs.Content value="inspect" tabIndex={-1}>
          <Inspector selected={selected} onDuplicate={onDuplicate} />
        </Tabs.Content>
        {/* The chat stays: an answer that is coming is not lost by a look at another tab. */}
        <Tabs.Content value="chat" forceMount hidden={tab !== "chat"} tabIndex={-1}>
          <ChatPanel visible={tab === "chat"} />
        </Tabs.Content>
        <Tabs.Content value="runs" tabIndex={-1}>
          <RunsPanel />
        </Tabs.Content>
        <Tabs.Content value="tests" tabIndex={-1}>
          <TestsPanel />
        </Tabs.Content>
      </Tabs.Root>
    </aside>
  );
}

function Resizer({ width, onWidth }: { width: number; onWidth: (width: number) => void }): ReactNode {
  const { t } = useEditor();
  const from = useRef<{ x: number; width: number } | null>(null);
  const [dragging, setDragging] = useState(false);
  const put = (next: number) => {
    const clamped = Math.min(WIDEST, Math.max(NARROWEST, Math.round(next)));
    localStorage.setItem(KEY, String(clamped));
    onWidth(clamped);
  };
  const down = (event: PointerEvent) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    from.current = { x: event.clientX, width };
    setDragging(true);
  };
  return (
    <div
      className="pm-resizer"
      role="separator"
      aria-orientation="vertical"
      aria-label={t("panel.resize")}
      aria-valuenow={width}
      aria-valuemin={NARROWEST}
      aria-valuemax={WIDEST}
      tabIndex={0}
      data-dragging={dragging}
      onPointerDown={down}
      onPointerMove={(event) => from.current !== null && put(from.current.width + from.current.x - event.clientX)}
      onPointerUp={() => {
        from.current = null;
        setDragging(false);
      }}
      onDoubleClick={() => put(USUAL)}
      onKeyDown={(event) => {
        if (event.key === "ArrowLeft") put(width + 20);
        if (event.key === "ArrowRight") put(width - 20);
      }}
    />
  );
}
