// Edits that could not be kept as their author made them: refused, overwritten, or made to what somebody removed.
// They wait here until their author takes them back, copies them or lets them go.

import { invert } from "./inverses";
import { apply, nodesOf, OperationRefused, steps } from "./reducer";
import { adds, partOf, placesOf, removes, type What } from "./touches";
import type { Edit, Flow, FlowNode, Op } from "./types";

// gone: it changes what is not there any more. removed: the server had it, and then somebody removed all of it.
export type Why = "gone" | "removed" | "overwritten" | "refused";

export interface AsideFacts {
  why: Why;
  // Who caused it; empty where nobody knows.
  by: string;
  // What the server said.
  detail: string;
  // The node it is about, as it was last seen.
  node: Pick<FlowNode, "id" | "type" | "title"> | null;
}

export interface Aside extends AsideFacts {
  op_id: string;
  op: Op;
  at: number;
}

interface Mine {
  op: Op;
  revision: number;
  at: number;
}

const MOST = 500;
// Where nobody knows what the other had seen, an edit of ours younger than this counts as unseen: one that came while
// we listened, and one that came while we were away.
export const LISTENING_MS = 3_000;
export const AWAY_MS = 120_000;

// What others' edits did to ours: remembers our latest edit of each place, and what was removed from where.
export class Witness {
  private readonly mine = new Map<string, Mine>();
  private readonly graves = new Map<string, { before: Flow; by: string }>();

  constructor(private readonly now: () => number = Date.now) {}

  // An edit of ours got its number.
  own(op: Op, revision: number): void {
    for (const step of steps(op)) {
      for (const place of placesOf(step)) {
        this.mine.delete(place);
        if (!place.endsWith("/position") && place.includes("/")) this.mine.set(place, { op: step, revision, at: this.now() });
      }
    }
    while (this.mine.size > MOST) this.mine.delete(this.mine.keys().next().value!);
  }

  // An edit of somebody else. Gives those of ours that it undid although its author had not seen them.
  other(before: Flow, edit: Pick<Edit, "op" | "base" | "actor">, youngMs: number): Aside[] {
    const lost: Aside[] = [];
    const by = edit.actor.name;
    for (const step of steps(edit.op as Op)) {
      const removed = removes(step);
      if (removed !== null) this.bury(removed.what, removed.id, before, by);
      const added = adds(step);
      if (added !== null) this.graves.delete(`${added.what}:${added.id}`);
      for (const place of placesOf(step)) {
        const mine = this.touched(place);
        if (mine !== null && this.unseen(mine, edit.base, youngMs) && JSON.stringify(mine.op) !== JSON.stringify(step)) {
          const why = removed === null ? "overwritten" : "removed";
          lost.push({ op_id: crypto.randomUUID(), op: mine.op, at: this.now(), why, by, detail: "", node: nodeAt(before, place) });
        }
      }
    }
    return lost;
  }

  // What a document lacks that an older one had, when nobody tells who removed it.
  vanished(before: Flow, after: Flow, by: string): void {
    const left = new Set(nodesOf(after).map(({ id }) => id));
    for (const { id } of nodesOf(before)) if (!left.has(id)) this.bury("node", id, before, by);
  }

  whoRemoved(what: string, id: string): string {
    return this.graves.get(`${what}:${id}`)?.by ?? "";
  }

  nodeOf(flow: Flow, op: Op): AsideFacts["node"] {
    const place = placesOf(op).find((each) => each.startsWith("node:"));
    if (place === undefined) return null;
    return nodeAt(flow, place) ?? nodeAt(this.graves.get(partOf(place))?.before ?? flow, place);
  }

  // The edit with what it needs brought back before it; null when that is not known.
  revived(flow: Flow, op: Op): Op | null {
    const ops: Op[] = [op];
    let now = flow;
    for (let tries = 0; tries < 8; tries += 1) {
      const step: Op = ops.length === 1 ? op : { op: "batch", ops: [...ops] };
      try {
        apply(now, step);
        return step;
      } catch (error) {
        if (!(error instanceof OperationRefused)) throw error;
        const back = this.digUp(now, String(error.context["id"] ?? ""));
        if (back === null) return null;
        ops.unshift(...steps(back));
      }
    }
    return null;
  }

  private bury(what: What, id: string, before: Flow, by: string): void {
    this.graves.set(`${what}:${id}`, { before, by });
    while (this.graves.size > MOST) this.graves.delete(this.graves.keys().next().value!);
  }

  private digUp(flow: Flow, id: string): Op | null {
    for (const what of ["node", "note", "group", "edge"] as const) {
      const grave = this.graves.get(`${what}:${id}`);
      if (grave === undefined) continue;
      const back = steps(invert(grave.before, { op: `${what}.remove`, id, ...(what === "node" ? { restore: true } : {}) } as Op));
      // Only what is missing now: an edge that came back by another way is there already.
      const ops = back.filter((step) => {
        const added = adds(step);
        const there = added?.what === "edge" && (flow.edges ?? []).some((edge) => edge.id === added.id);
        const loose = step.op === "group.update" && !(flow.view?.groups ?? []).some((group) => group.id === step.id);
        return !there && !loose;
      });
      return { op: "batch", ops };
    }
    return null;
  }

  // Our latest edit there, which is ours no more.
  private touched(place: string): Mine | null {
    const here = [...this.mine].filter(([known]) => known === place || (!place.includes("/") && partOf(known) === place));
    for (const [known] of here) this.mine.delete(known);
    return here.at(-1)?.[1] ?? null;
  }

  private unseen(mine: Mine, base: number | null | undefined, youngMs: number): boolean {
    return base == null ? this.now() - mine.at < youngMs : base < mine.revision;
  }
}

function nodeAt(flow: Flow, place: string): AsideFacts["node"] {
  const part = partOf(place);
  const node = part.startsWith("node:") ? nodesOf(flow).find(({ id }) => `node:${id}` === part) : undefined;
  return node === undefined ? null : { id: node.id, type: node.type, title: node.title ?? "" };
}
