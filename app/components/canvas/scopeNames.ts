// What templates read: `nodes.answer.text`, `input.message`, … found in any value and written anew where asked.

import type { Json } from "./types";

export interface Reference {
  // The first word: nodes, input, trigger, state, item, …
  root: string;
  // The dotted path as far as it is plain words.
  path: string;
}

const ROOTS = "nodes|input|trigger|state|item|index|outer|iteration|contact|lead|conversation|run";
const EXPRESSION = /\{\{.*?\}\}|\{%.*?%\}/gs;
// Words in quotes are text; a word after a dot or a bracket is a field of something else.
const TOKEN = new RegExp(`"[^"]*"|'[^']*'|(?<![\\w.\\-\\]])(${ROOTS})((?:\\.[A-Za-z_][\\w-]*)*)(?![\\w-]*\\s*:)`, "g");
const LOCAL = /\{%-?\s*(?:for|assign|capture|tablerow)\s+([A-Za-z_]\w*)/g;

function inText(text: string, change: (reference: Reference) => string | null): string {
  if (!text.includes("{{") && !text.includes("{%")) return text;
  const local = new Set([...text.matchAll(LOCAL)].map((match) => match[1]));
  return text.replace(EXPRESSION, (expression) =>
    expression.replace(TOKEN, (found, root: string | undefined, rest: string | undefined) => {
      if (root === undefined || local.has(root)) return found;
      return change({ root, path: root + (rest ?? "") }) ?? found;
    }),
  );
}

// `change` gives what to write in place of a reference; null leaves it.
export function rewrite<T extends Json>(value: T, change: (reference: Reference) => string | null): T {
  if (typeof value === "string") return inText(value, change) as T;
  if (Array.isArray(value)) return value.map((item) => rewrite(item, change)) as Json as T;
  if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, rewrite(item, change)])) as Json as T;
  return value;
}

export function names(value: Json): Reference[] {
  const found: Reference[] = [];
  rewrite(value, (reference) => {
    found.push(reference);
    return null;
  });
  return found;
}
