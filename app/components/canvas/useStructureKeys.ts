// The keys of the selection's actions. Letters count by their place on the keyboard, so they work in any layout.

import { useEffect, useRef } from "react";
import type { Action } from "./actions";
import { isTyping } from "./useShortcuts";

// What is pressed, as `Ctrl+Alt+Shift+code`, and what it does.
const KEYS: { readonly [pressed: string]: readonly string[] } = {
  KeyD: ["disable", "enable"],
  KeyR: ["replace"],
  "Ctrl+KeyG": ["group"],
  "Ctrl+Shift+KeyG": ["ungroup"],
  "Ctrl+Alt+KeyG": ["extract"],
  "Shift+KeyL": ["tidy_selection", "tidy_all"],
  "Alt+KeyA": ["align_left"],
  "Alt+KeyH": ["align_centre"],
  "Alt+KeyD": ["align_right"],
  "Alt+KeyW": ["align_top"],
  "Alt+KeyV": ["align_middle"],
  "Alt+KeyS": ["align_bottom"],
  "Alt+Shift+KeyH": ["distribute_across"],
  "Alt+Shift+KeyV": ["distribute_down"],
  "Alt+Enter": ["peek"],
};

export function useStructureKeys(actions: () => readonly Action[]): void {
  const ask = useRef(actions);
  ask.current = actions;
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.defaultPrevented || isTyping(event.target) || (event.target as HTMLElement | null)?.closest?.("[role=menu]")) return;
      const held = [event.ctrlKey || event.metaKey ? "Ctrl" : "", event.altKey ? "Alt" : "", event.shiftKey ? "Shift" : ""].filter(Boolean);
      const wanted = KEYS[[...held, event.code].join("+")];
      if (wanted === undefined) return;
      const action = ask.current().find((each) => wanted.includes(each.id));
      if (action === undefined) return;
      event.preventDefault();
      action.run();
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, []);
}
