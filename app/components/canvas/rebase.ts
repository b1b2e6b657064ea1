// Our edits on top of a document that others changed meanwhile. What still makes sense is kept, also the rest of an
// edit of which a part fits no more; two parts of one name are told apart; what cannot be kept is named. Pure.

import { freshId } from "./describe";
import { applyOne, edgesOf, OperationRefused, steps, type Single } from "./reducer";
import { adds, joined, readdressed, removes, type Renamed, type What } from "./touches";
import type { Flow, FlowEdge, JsonObject, Op } from "./types";

export interface Misfit {
  op: Single;
  code: string;
  context: JsonObject;
}

export interface Fitted {
  flow: Flow;
  // What is left of the operation: the same object where all of it fits, null where nothing does.
  op: Op | null;
  misfits: Misfit[];
  renamed: Renamed[];
}

// The operation as far as it fits, and the document after it.
export function fitted(flow: Flow, op: Op): Fitted {
  const found: Fitted = { flow, op: null, misfits: [], renamed: [] };
  const kept: Single[] = [];
  let whole = true;
  for (const each of steps(op)) {
    const step = fit(found, each);
    if (step !== null) kept.push(step);
    whole &&= step === each;
  }
  return { ...found, op: whole ? op : joined(kept) };
}

function fit(found: Fitted, each: Single): Single | null {
  const step = readdressed(each, found.renamed) as Single;
  try {
    found.flow = applyOne(found.flow, step);
    return step;
  } catch (error) {
    if (!(error instanceof OperationRefused)) throw error;
    if (done(found.flow, step, error.code)) return null;
    const added = adds(step);
    if (error.code !== "operation.id_taken" || added === null) {
      found.misfits.push({ op: step, code: error.code, context: error.context });
      return null;
    }
    found.renamed.push({ what: added.what, from: added.id, to: unusedId(found.flow, added.what, added.id) });
    return fit(found, step);
  }
}

// Whether somebody else did the same already: removed it too, or drew the same connection.
function done(flow: Flow, step: Single, code: string): boolean {
  const removed = removes(step);
  if (removed !== null) return code === `operation.unknown_${removed.what}`;
  return step.op === "edge.add" && code === "operation.id_taken" && edgesOf(flow).some((edge) => sameEnds(edge, step.edge));
}

function sameEnds(one: FlowEdge, other: FlowEdge): boolean {
  const ends = (edge: FlowEdge) => [edge.source, edge.source_port ?? "out", edge.target, edge.target_port ?? "in"].join("\n");
  return ends(one) === ends(other);
}

function unusedId(flow: Flow, what: What, id: string): string {
  if (what === "node") return freshId(flow, id.replace(/_\d+$/, ""));
  const items = what === "edge" ? edgesOf(flow) : ((what === "note" ? flow.view?.notes : flow.view?.groups) ?? []);
  const taken = new Set(items.map((item) => item.id));
  const stem = id.replace(/\d+$/, "");
  let number = taken.size + 1;
  while (taken.has(`${stem}${number}`)) number += 1;
  return `${stem}${number}`;
}

export interface Queued {
  op_id: string;
  op: Op;
}

export interface Rebased<E extends Queued> {
  flow: Flow;
  queue: E[];
  misfits: { edit: E; misfit: Misfit }[];
  renamed: Renamed[];
}

// The document with a queue of edits on top. An edit that had to change keeps its op_id: the server has only one of it.
export function rebased<E extends Queued>(base: Flow, queue: readonly E[]): Rebased<E> {
  const result: Rebased<E> = { flow: base, queue: [], misfits: [], renamed: [] };
  for (const edit of queue) {
    const op = readdressed(edit.op, result.renamed);
    const found = fitted(result.flow, op);
    result.flow = found.flow;
    result.renamed.push(...found.renamed);
    result.misfits.push(...found.misfits.map((misfit) => ({ edit, misfit })));
    if (found.op !== null) result.queue.push(found.op === edit.op ? edit : { ...edit, op: found.op });
  }
  return result;
}
