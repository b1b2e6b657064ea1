// One editor's copy of the flow: the server's document, our edits on top, and what others' edits do to ours. It speaks
// to nobody: sync.ts brings it the server's word and takes its queue there.

import { Witness, type Aside, type AsideFacts } from "./aside";
import type { Pending } from "./drafts";
import { History, type Made } from "./history";
import { invert } from "./inverses";
import { fitted, rebased, type Rebased } from "./rebase";
import { apply, OperationRefused, steps } from "./reducer";
import type { Kept } from "./shelf";
import { adds, joined, partOf, placesOf, readdressed, type Renamed } from "./touches";
import type { Edit, Flow, Op } from "./types";

export class Replica {
  clientId = "";
  revision = 0;
  // What a person sees.
  flow: Flow = { schema: "flow/1" };
  pending: Pending[] = [];
  asides: readonly Aside[] = [];
  private base: Flow = this.flow;
  private made = 0;
  readonly history: History;
  private readonly witness: Witness;

  constructor(private readonly now: () => number = Date.now) {
    this.history = new History(now);
    this.witness = new Witness(now);
  }

  // Applies an edit and queues it. False when it does not fit the document.
  dispatch(op: Op, merge?: string): boolean {
    const made = this.make(op, merge);
    if (made === null) return false;
    this.history.record(made, merge);
    this.asides = withoutPlaces(this.asides, op);
    this.comeBack([op]);
    return true;
  }

  undo(): void {
    this.history.undo((op) => this.make(op) ?? this.makeRest(op));
  }

  redo(): void {
    this.history.redo((op) => this.make(op) ?? this.makeRest(op));
  }

  // Makes an edit again that was set aside, with what it needs brought back. False when it cannot be.
  takeBack(opId: string): boolean {
    const aside = this.asides.find(({ op_id }) => op_id === opId);
    const op = aside === undefined ? null : this.witness.revived(this.flow, aside.op);
    if (op === null) return false;
    this.dismiss(opId);
    return this.dispatch(op);
  }

  dismiss(opId: string): void {
    this.asides = this.asides.filter(({ op_id }) => op_id !== opId);
  }

  // The server's document at a revision, before any edit of ours.
  adopt(document: Flow, revision: number): void {
    [this.base, this.revision] = [document, revision];
    this.rebase();
  }

  // Edits in the server's order. False after a hole, or at one we do not understand: then all of it has to be fetched.
  take(edits: readonly Edit[], youngMs: number): boolean {
    const [arrived, others]: [Set<string>, Op[]] = [new Set(), []];
    let whole = true;
    for (const edit of edits) {
      if (edit.revision > this.revision) {
        const after = edit.revision > this.revision + 1 || renames(edit.op as Op).length > 0 ? null : this.learn(this.base, edit, youngMs);
        whole = after !== null;
        if (after === null) break;
        if (!this.isOurs(edit)) others.push(edit.op as Op);
        [this.base, this.revision] = [after, edit.revision];
      }
      arrived.add(edit.op_id);
    }
    this.pending = this.pending.filter(({ op_id }) => !arrived.has(op_id));
    this.rebase();
    this.comeBack(others);
    return whole;
  }

  // The document anew, and the edits that led there from the revision we knew. `accepted` are ours that the server has.
  replace(document: Flow, revision: number, edits: readonly Edit[], accepted: ReadonlySet<string>, youngMs: number): void {
    const news = edits.filter((edit) => edit.revision > this.revision && edit.revision <= revision);
    let walk: Flow | null = this.base;
    for (const edit of news) {
      const renamed = this.isOurs(edit) ? [] : renames(edit.op as Op);
      if (renamed.length > 0) this.readdress(renamed);
      walk = walk === null ? null : this.learn(walk, edit, youngMs);
      if (walk === null) this.witness.vanished(this.base, document, edit.actor.name);
    }
    const others = news.filter((edit) => !this.isOurs(edit)).map(({ op }) => op as Op);
    const arrived = new Set(news.map(({ op_id }) => op_id));
    this.pending = this.pending.filter(({ op_id }) => !arrived.has(op_id) && !accepted.has(op_id));
    this.adopt(document, revision);
    this.comeBack(others);
  }

  // Edits that were kept join the queue, without those the server has (`edits`), following what was renamed since.
  takeUp(kept: readonly Kept[], edits: readonly Edit[]): void {
    const ids = new Set(kept.map(({ op_id }) => op_id));
    const known = new Set([...edits, ...this.pending].map(({ op_id }) => op_id));
    for (const { op_id, op, base, aside, at } of kept) {
      if (aside !== undefined) this.asides = [...this.asides.filter((each) => each.op_id !== op_id), { ...aside, op_id, op, at }];
      if (aside !== undefined || known.has(op_id)) continue;
      const renamed = edits.filter((edit) => edit.revision > base && !ids.has(edit.op_id)).flatMap((edit) => renames(edit.op as Op));
      this.pending.push({ op_id, op: readdressed(op, renamed), base, n: (this.made += 1), sent: false });
    }
    this.rebase();
  }

  // The server does not take this edit.
  refuse(edit: Pending, detail: string): void {
    this.pending = this.pending.filter(({ op_id }) => op_id !== edit.op_id);
    this.history.drop(edit.op_id);
    this.setAside(edit.op_id, edit.op, { why: "refused", by: "", detail });
    this.rebase();
  }

  private make(op: Op, merge?: string, opId?: string): Made | null {
    try {
      const back = invert(this.flow, op);
      this.flow = apply(this.flow, op);
      return { back, op_id: this.enqueue(op, merge, opId) };
    } catch (error) {
      if (error instanceof OperationRefused) return null;
      throw error;
    }
  }

  // An undo of which somebody else made a part pointless.
  private makeRest(op: Op): Made | null {
    const rest = fitted(this.flow, op).op;
    return rest === null || rest === op ? null : this.make(rest);
  }

  private enqueue(op: Op, merge: string | undefined, opId: string | undefined): string {
    const last = this.pending.at(-1);
    if (merge !== undefined && last !== undefined && !last.sent && last.merge === merge && sameEdit(last.op, op)) {
      this.pending[this.pending.length - 1] = { ...last, op };
      return last.op_id;
    }
    const fresh = { op_id: opId ?? crypto.randomUUID(), op, base: this.revision, n: (this.made += 1), sent: false };
    this.pending.push(merge === undefined ? fresh : { ...fresh, merge });
    return fresh.op_id;
  }

  // One edit as the server has it: the document after it, and what it means for ours. Null when we do not understand it.
  private learn(before: Flow, edit: Edit, youngMs: number): Flow | null {
    const op = edit.op as Op;
    try {
      const after = apply(before, op);
      if (this.isOurs(edit)) {
        this.history.settle(edit.op_id, () => invert(before, op));
        this.witness.own(op, edit.revision);
      } else {
        this.history.forget(placesOf(op));
        for (const lost of this.witness.other(before, edit, youngMs)) this.asides = [...withoutPlaces(this.asides, lost.op), lost];
      }
      return after;
    } catch (error) {
      if (error instanceof OperationRefused) return null;
      throw error;
    }
  }

  private isOurs(edit: Edit): boolean {
    return edit.client_id === this.clientId || this.pending.some(({ op_id }) => op_id === edit.op_id);
  }

  private readdress(renamed: readonly Renamed[]): void {
    this.pending = this.pending.map((each) => ({ ...each, op: readdressed(each.op, renamed) }));
    this.asides = this.asides.map((each) => ({ ...each, op: readdressed(each.op, renamed) }));
    this.history.readdress(renamed, false);
  }

  // The document anew: the server's, with our edits on top. What fits no more is set aside.
  private rebase(): void {
    const found = rebased(this.base, this.pending);
    [this.flow, this.pending] = [found.flow, found.queue];
    if (found.renamed.length > 0) this.history.readdress(found.renamed, true);
    this.setAsideAll(found);
  }

  private setAsideAll({ queue, misfits }: Rebased<Pending>): void {
    const left = new Set(queue.map(({ op_id }) => op_id));
    for (const edit of new Set(misfits.map((each) => each.edit))) {
      const parts = misfits.filter((each) => each.edit === edit).map(({ misfit }) => misfit);
      const whole = !left.has(edit.op_id);
      if (whole) this.history.drop(edit.op_id);
      const op = joined(parts.map((part) => part.op));
      // Where something stood that is not there any more is no loss.
      if (op === null || parts.every((part) => part.op.op === "node.move")) continue;
      const { code, context } = parts[0]!;
      const gone = code.startsWith("operation.unknown_");
      const by = gone ? this.witness.whoRemoved(code.replace("operation.unknown_", ""), String(context["id"])) : "";
      this.setAside(whole ? edit.op_id : crypto.randomUUID(), op, { why: gone ? "gone" : "refused", by, detail: "" });
    }
  }

  private setAside(opId: string, op: Op, facts: Omit<AsideFacts, "node">): void {
    const node = this.witness.nodeOf(this.base, op);
    this.asides = [...this.asides.filter(({ op_id }) => op_id !== opId), { ...facts, node, op_id: opId, op, at: this.now() }];
  }

  // Something is there again: edits that waited for it are made, and nobody needs telling that it was removed.
  private comeBack(ops: readonly Op[]): void {
    const parts = new Set(ops.flatMap(steps).flatMap((step) => adds(step) ?? []).map(({ what, id }) => `${what}:${id}`));
    if (parts.size === 0 || this.asides.length === 0) return;
    const still = this.asides.filter((aside) => {
      if (aside.why === "removed") return !placesOf(aside.op).some((place) => parts.has(partOf(place)));
      const made = aside.why === "gone" ? this.make(aside.op, undefined, aside.op_id) : null;
      if (made !== null) this.history.record(made);
      return made === null;
    });
    if (still.length < this.asides.length) this.asides = still;
  }
}

// Without overwritten edits of what this one writes too: they are history.
function withoutPlaces(asides: readonly Aside[], op: Op): readonly Aside[] {
  const places = new Set(placesOf(op));
  const left = asides.filter((aside) => aside.why !== "overwritten" || !placesOf(aside.op).every((place) => places.has(place)));
  return left.length === asides.length ? asides : left;
}

// The names of nodes an operation changes. It changes templates too, and what is a reference in one that does not
// parse the server alone decides.
export function renames(op: Op): Renamed[] {
  if (op.op === "batch") return op.ops.flatMap(renames);
  return op.op === "node.rename_id" ? [{ what: "node", from: op.id, to: op.new_id }] : [];
}

// Whether the second edit overwrites all that the first one did.
function sameEdit(one: Op, other: Op): boolean {
  const target = ({ op, ...rest }: Op) => {
    const { id, name } = rest as { id?: string; name?: string };
    const fields = "fields" in rest ? Object.keys(rest.fields).join() : "";
    return JSON.stringify([op, id, name, fields]);
  };
  return one.op !== "batch" && target(one) === target(other);
}
