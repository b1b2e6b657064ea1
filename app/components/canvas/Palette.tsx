// The palette: every node type by category, found by name, added by click, key or drag.

import { Search } from "lucide-react";
import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { useEditor } from "./context";
import { categoryScale, nodeIcon } from "./icons";
import { isTyping } from "./useShortcuts";
import type { NodeType } from "./types";

export const NODE_MIME = "application/x-prometey-node";

// Types whose title, key or summary contain every word, titles that begin with it first.
export function found(types: readonly NodeType[], query: string): NodeType[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = types.filter((type) => {
    const text = `${type.title} ${type.key} ${type.summary}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const first = words[0];
  if (first === undefined) return fits;
  const rank = (type: NodeType) => (type.title.toLowerCase().startsWith(first) ? 0 : type.title.toLowerCase().includes(first) ? 1 : 2);
  return fits.sort((one, other) => rank(one) - rank(other));
}

export function TypeIcon({ type }: { type: NodeType | undefined }): ReactNode {
  const Icon = nodeIcon(type?.icon);
  return (
    <span className="pm-icon" data-scale={categoryScale(type?.category)}>
      <Icon size={16} strokeWidth={1.75} />
    </span>
  );
}

interface Props {
  onAdd: (type: NodeType) => void;
  // Leaves out what starts a flow: nothing can be led into it.
  withoutTriggers?: boolean;
  focusAtOnce?: boolean;
}

export function NodeList({ onAdd, withoutTriggers = false, focusAtOnce = false }: Props): ReactNode {
  const { catalog, t } = useEditor();
  const [query, setQuery] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const types = useMemo(() => found(catalog.nodes.filter((type) => !withoutTriggers || type.has_input), query), [catalog, query, withoutTriggers]);
  useEffect(() => {
    if (focusAtOnce) return input.current?.focus();
    const slash = (event: globalThis.KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || isTyping(event.target)) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener("keydown", slash);
    return () => document.removeEventListener("keydown", slash);
  }, [focusAtOnce]);
  const keys = (event: KeyboardEvent) => {
    const items = [...(list.current?.querySelectorAll<HTMLButtonElement>("button") ?? [])];
    const at = items.indexOf(document.activeElement as HTMLButtonElement);
    if (event.key === "ArrowDown") items[Math.min(at + 1, items.length - 1)]?.focus();
    else if (event.key === "ArrowUp") (at <= 0 ? input.current : items[at - 1])?.focus();
    else if (event.key === "Enter" && at === -1 && types[0] !== undefined) onAdd(types[0]);
    else if (event.key === "Escape" && query !== "") setQuery("");
    else return;
    event.preventDefault();
  };
  const groups = query === "" ? catalog.categories.map(({ id, title }) => ({ id, title, types: types.filter((type) => type.category === id) })) : [{ id: "found", title: "", types }];
  return (
    <div className="pm-node-list" onKeyDown={keys}>
      <label className="pm-search">
        <Search size={15} strokeWidth={1.75} />
        <input
          ref={input}
          data-testid={focusAtOnce ? "quick-search" : "palette-search"}
          type="search"
          value={query}
          placeholder={t("palette.search")}
          aria-label={t("palette.search")}
          onChange={(event) => setQuery(event.target.value)}
        />
        {!focusAtOnce && query === "" && <kbd>/</kbd>}
      </label>
      <div className="pm-node-groups" ref={list}>
        {groups.map((group) =>
          group.types.length === 0 ? null : (
            <section key={group.id} aria-label={group.title || t("palette.found")}>
              {group.title !== "" && <h3>{group.title}</h3>}
              {group.types.map((type) => (
                <button
                  key={type.key}
                  type="button"
                  className="pm-node-item"
                  data-testid={focusAtOnce ? `quick-item-${type.key}` : `palette-item-${type.key}`}
                  title={type.summary}
                  draggable={!focusAtOnce}
                  onDragStart={(event) => {
                    event.dataTransfer.setData(NODE_MIME, type.key);
                    event.dataTransfer.effectAllowed = "copy";
                  }}
                  onClick={() => onAdd(type)}
                >
                  <TypeIcon type={type} />
                  {type.title}
                </button>
              ))}
            </section>
          ),
        )}
        {types.length === 0 && <p className="pm-nothing">{t("palette.nothing", { query })}</p>}
      </div>
    </div>
  );
}
