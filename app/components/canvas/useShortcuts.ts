// The keyboard on the canvas: copy, paste, duplicate, select all, undo and redo. Silent while somebody types in a field.

import type { ReactFlowInstance } from "@xyflow/react";
import { useEffect, useRef } from "react";
import { useEditor } from "./context";
import { fragment, paste, readFragment, remove, type Fragment } from "./edits";
import type { CanvasEdge } from "./FlowEdgeView";
import type { Tool } from "./Toolbar";
import { isFlowNode, type AnyNode, type CanvasModel } from "./useCanvas";
import type { Position } from "./types";

interface Wiring {
  canvas: ReactFlowInstance<AnyNode, CanvasEdge>;
  model: CanvasModel;
  centre: () => Position;
  fit: () => void;
  onSelect: (ids: string[]) => void;
  onTool: (tool: Tool) => void;
}

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable], [role=dialog]") !== null;
}

export function useShortcuts(wiring: Wiring): void {
  const { store, say, t } = useEditor();
  const wired = useRef(wiring);
  wired.current = wiring;
  useEffect(() => {
    const flow = () => store.getSnapshot().flow;
    const selected = () => wired.current.canvas.getNodes().filter((node) => node.selected && isFlowNode(node)).map((node) => node.id);
    const insert = (part: Fragment, at: Position, stay = false) => {
      const pasted = paste(flow(), part, at, stay);
      if (pasted === null) return;
      wired.current.model.select(pasted.ids);
      if (store.dispatch(pasted.op)) wired.current.onSelect(pasted.ids);
    };
    // Beside the originals when they are in sight, so that nothing lies exactly on top of another.
    const beside = (part: Fragment): Position => {
      const places = Object.values(part.places);
      const corner = { x: Math.min(...places.map(({ x }) => x)), y: Math.min(...places.map(({ y }) => y)) };
      return Number.isFinite(corner.x) ? { x: corner.x + 40, y: corner.y + 60 } : wired.current.centre();
    };
    const copy = (event: ClipboardEvent) => {
      if (isTyping(event.target) || !window.getSelection()?.isCollapsed) return;
      const ids = selected();
      if (ids.length === 0) return;
      event.preventDefault();
      event.clipboardData?.setData("text/plain", JSON.stringify(fragment(flow(), ids), null, 2));
      if (event.type === "cut") {
        const op = remove(flow(), ids, [], []);
        if (op !== null) store.dispatch(op);
      } else say(t("canvas.copied", { count: ids.length }));
    };
    const pasteEvent = (event: ClipboardEvent) => {
      if (isTyping(event.target)) return;
      const part = readFragment(event.clipboardData?.getData("text/plain") ?? "");
      if (part === null) return;
      event.preventDefault();
      insert(part, beside(part));
    };
    const key = (event: KeyboardEvent) => {
      if (isTyping(event.target)) return;
      const command = event.ctrlKey || event.metaKey;
      const plain = !command && !event.altKey && !event.shiftKey;
      const name = event.key.toLowerCase();
      if (command && name === "z") (event.shiftKey ? store.redo() : store.undo());
      else if (command && name === "y") store.redo();
      else if (command && name === "a") wired.current.model.select(flow().nodes?.map((node) => node.id) ?? []);
      else if (command && name === "d") {
        const part = fragment(flow(), selected());
        if (part.nodes.length > 0) insert(part, beside(part), true);
      } else if (plain && event.code === "KeyV") wired.current.onTool("select");
      else if (plain && event.code === "KeyH") wired.current.onTool("hand");
      else if (event.shiftKey && event.code === "Digit1") wired.current.fit();
      else return;
      event.preventDefault();
    };
    document.addEventListener("copy", copy);
    document.addEventListener("cut", copy);
    document.addEventListener("paste", pasteEvent);
    document.addEventListener("keydown", key);
    return () => {
      document.removeEventListener("copy", copy);
      document.removeEventListener("cut", copy);
      document.removeEventListener("paste", pasteEvent);
      document.removeEventListener("keydown", key);
    };
  }, [store, say, t]);
}
