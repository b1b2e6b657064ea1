// Giving a node another id: templates that read `nodes.<id>` follow. Only true references change: words, string
// literals, comments and raw blocks stay.

import type { Json } from "./types";

const TAG = /\{%-?\s*(raw|comment)\s*-?%\}[\s\S]*?\{%-?\s*end\1\s*-?%\}|\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g;
const WITHIN = /"[^"]*"|'[^']*'|[^"']+/g;

export function rewritten(value: Json, from: string, to: string): Json {
  if (typeof value === "string") return value.includes(from) && /\{[{%]/.test(value) ? text(value, from, to) : value;
  if (Array.isArray(value)) {
    const items = value.map((item) => rewritten(item, from, to));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (typeof value !== "object" || value === null) return value;
  let changed = false;
  const entries = Object.entries(value).map(([name, item]) => {
    const next = rewritten(item, from, to);
    changed ||= next !== item;
    return [name, next] as const;
  });
  return changed ? Object.fromEntries(entries) : value;
}

function text(source: string, from: string, to: string): string {
  const id = from.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const dotted = new RegExp(`(?<![\\w.\\-\\]])(nodes\\s*\\.\\s*)${id}(?![\\w\\-])`, "g");
  const bracketed = new RegExp(`(?<![\\w.\\-\\]])(nodes\\s*\\[\\s*(["'])\\s*)${id}(?=\\s*\\2\\s*\\])`, "g");
  return source.replace(TAG, (tag, block: string | undefined) => {
    if (block !== undefined) return tag;
    const brackets = tag.replace(bracketed, `$1${to}`);
    return brackets.replace(WITHIN, (piece) => (piece[0] === '"' || piece[0] === "'" ? piece : piece.replace(dotted, `$1${to}`)));
  });
}
