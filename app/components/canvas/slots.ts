// Credential slots of a flow: which its nodes name, and what the flow says it requires.

import { isObject } from "./describe";
import type { Flow, FlowNode, Json, JsonObject, Op } from "./types";

// Every slot a value names, at any depth, as the server finds them.
function* named(value: Json | undefined): Generator<string> {
  if (Array.isArray(value)) for (const each of value) yield* named(each);
  else if (isObject(value))
    for (const [name, each] of Object.entries(value)) {
      if (name === "credential" && typeof each === "string") yield each;
      else yield* named(each);
    }
}

const listed = (flow: Flow): JsonObject[] => {
  const slots = flow.requires?.["credentials"];
  return Array.isArray(slots) ? slots.filter(isObject) : [];
};

// One edit that sets a param and has the flow require the slot it now names, and no longer one that nothing names.
export function namingSlot(flow: Flow, node: FlowNode, name: string, value: Json | undefined, slot: string, kind: string): Op {
  const edit: Op = value === undefined ? { op: "node.set_param", id: node.id, name, unset: true } : { op: "node.set_param", id: node.id, name, value };
  const others = (flow.nodes ?? []).flatMap((each) => (each.id === node.id ? [...named({ ...each.params, [name]: null })] : [...named(each.params)]));
  const before = new Set(named({ [name]: node.params?.[name] ?? null }));
  const kept = listed(flow).filter((each) => each["slot"] === slot || !before.has(String(each["slot"])) || others.includes(String(each["slot"])));
  const wanted = slot === "" || kept.some((each) => each["slot"] === slot) ? kept : [...kept, { slot, kind }];
  if (JSON.stringify(wanted) === JSON.stringify(listed(flow))) return edit;
  return { op: "batch", ops: [edit, { op: "flow.set", name: "requires", value: { ...flow.requires, credentials: wanted } }] };
}
