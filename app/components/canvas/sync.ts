// The document in the editor: what the server has, with our edits that it does not have yet on top.
// Edits apply at once, wait in a queue that outlives the page, and are sent in order; others' edits slide underneath.

import { ApiProblem, Offline, type Api } from "./api";
import { claimClientId, Drafts, type Pending } from "./drafts";
import { History } from "./history";
import { invert } from "./inverses";
import { apply, OperationRefused } from "./reducer";
import type { Edit, Flow, FlowView, LiveItem, Op, Problem, SubmitAnswer } from "./types";

export type SaveState = "saved" | "saving" | "offline" | "conflict";

export interface Snapshot {
  flow: Flow;
  revision: number;
  publishedVersion: number | null;
  saveState: SaveState;
  problems: readonly Problem[];
  canUndo: boolean;
  canRedo: boolean;
  // The last edit that was not taken, and why; without words when somebody else's edit overtook it.
  refusal: { code: string; detail: string } | null;
  loaded: boolean;
  // Why the flow cannot be shown at all.
  failure: ApiProblem | null;
}

export type FlowApi = Pick<Api, "getFlow" | "operationsSince" | "submit">;

interface Options {
  flowId: string;
  api: FlowApi;
  storage?: Storage;
  clientId?: () => Promise<string>;
  now?: () => number;
}

const SEND_AFTER_MS = 250;
const MOST_AT_ONCE = 500;
const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000];
const KEEPALIVE_BYTES = 60_000;
const EMPTY: Flow = { schema: "flow/1" };

export class FlowStore {
  private base: Flow = EMPTY;
  private revision = 0;
  private pending: Pending[] = [];
  private problemsRevision = 0;
  private clientId = "";
  private drafts: Drafts | null = null;
  private sending: Promise<void> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private disposed = false;
  private readonly history: History;
  private readonly listeners = new Set<() => void>();
  private snapshot: Snapshot = {
    flow: EMPTY, revision: 0, publishedVersion: null, saveState: "saved", problems: [], canUndo: false, canRedo: false,
    refusal: null, loaded: false, failure: null,
  };

  constructor(private readonly options: Options) {
    this.history = new History(options.now);
    if (typeof window === "undefined") return;
    window.addEventListener("online", this.sendNow);
    window.addEventListener("pagehide", this.leave);
  }

  dispose(): void {
    this.leave();
    this.disposed = true;
    clearTimeout(this.timer);
    if (typeof window === "undefined") return;
    window.removeEventListener("online", this.sendNow);
    window.removeEventListener("pagehide", this.leave);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  getSnapshot = (): Snapshot => this.snapshot;

  // Fetches the flow and takes up edits that a reload or a crash kept from the server.
  async load(): Promise<void> {
    try {
      this.clientId = await (this.options.clientId ?? claimClientId)();
      this.drafts = new Drafts(this.options.flowId, this.clientId, this.options.storage ?? localStorage);
      this.adopt(await this.options.api.getFlow(this.options.flowId));
      for (const draft of await this.drafts.takeOver()) {
        const arrived = await this.arrivedSince(draft.revision);
        const left = draft.operations.filter(({ op_id }) => !arrived.has(op_id));
        this.pending.push(...left.map((each) => ({ ...each, sent: false })));
      }
      this.rebase({ loaded: true, failure: null });
      if (this.pending.length > 0) this.sendNow();
    } catch (error) {
      if (this.disposed) return;
      if (error instanceof ApiProblem && error.status < 500) return this.change({ failure: error });
      this.change({ saveState: "offline" });
      this.timer = setTimeout(() => void this.load(), this.pause());
    }
  }

  // Applies an edit at once and queues it. False when it does not fit the document.
  dispatch(op: Op, { merge }: { merge?: string } = {}): boolean {
    const back = this.make(op, merge);
    if (back === null) return false;
    this.history.record(back, merge);
    this.changed();
    return true;
  }

  undo(): void {
    this.history.undo((op) => this.make(op));
    this.changed();
  }

  redo(): void {
    this.history.redo((op) => this.make(op));
    this.changed();
  }

  published(version: number): void {
    this.change({ publishedVersion: version });
  }

  // News of this flow: others' edits and ours as the server numbered them, problems, or that something was missed.
  receive(item: LiveItem): void {
    if (!this.snapshot.loaded) return;
    if (item.kind === "operations") this.take(item.operations);
    else if (item.kind === "problems") this.noteProblems(item.revision, item.problems);
    else if (item.kind === "gap") void this.catchUp();
  }

  // Resolves when the server has every edit made so far; rejects with Offline when it cannot be reached.
  async flush(): Promise<void> {
    while (this.pending.length > 0) {
      clearTimeout(this.timer);
      await this.send();
      if (this.pending.length > 0 && this.snapshot.saveState !== "saving") throw new Offline("the edits did not arrive");
    }
  }

  private make(op: Op, merge?: string): Op | null {
    const { flow } = this.snapshot;
    try {
      const back = invert(flow, op);
      this.change({ flow: apply(flow, op) });
      this.enqueue(op, merge);
      return back;
    } catch (error) {
      if (error instanceof OperationRefused) return null;
      throw error;
    }
  }

  private enqueue(op: Op, merge: string | undefined): void {
    const last = this.pending.at(-1);
    const fresh: Pending = { op_id: crypto.randomUUID(), op, sent: false, ...(merge === undefined ? {} : { merge }) };
    if (merge !== undefined && last !== undefined && !last.sent && last.merge === merge && sameEdit(last.op, op)) this.pending[this.pending.length - 1] = fresh;
    else this.pending.push(fresh);
  }

  private changed(): void {
    this.drafts?.save(this.revision, this.pending);
    const { canUndo, canRedo } = this.history;
    const quiet = this.snapshot.saveState === "saved" && this.pending.length > 0;
    this.change({ canUndo, canRedo, ...(quiet ? { saveState: "saving" } : {}) });
    if (this.sending === null && this.failures === 0) this.schedule(SEND_AFTER_MS);
  }

  private schedule(ms: number): void {
    clearTimeout(this.timer);
    if (!this.disposed && this.pending.length > 0) this.timer = setTimeout(() => void this.send(), ms);
  }

  private sendNow = (): void => {
    this.failures = 0;
    clearTimeout(this.timer);
    void this.send();
  };

  // One request at a time; whoever asks meanwhile waits for the same one.
  private send(): Promise<void> {
    this.sending ??= this.sendOnce().finally(() => {
      this.sending = null;
      if (this.snapshot.saveState === "saving") this.schedule(SEND_AFTER_MS);
    });
    return this.sending;
  }

  private async sendOnce(): Promise<void> {
    const batch = this.pending.slice(0, MOST_AT_ONCE);
    if (batch.length === 0 || this.disposed) return;
    for (const each of batch) each.sent = true;
    const base = this.revision;
    try {
      const operations = batch.map(({ op_id, op }) => ({ op_id, op }));
      const answer = await this.options.api.submit(this.options.flowId, this.clientId, base, operations);
      this.failures = 0;
      await this.settle(base, batch, answer);
    } catch (error) {
      this.fail(error);
    }
  }

  private fail(error: unknown): void {
    this.failures += 1;
    const refused = error instanceof ApiProblem && error.status < 500 && error.status !== 429;
    const refusal = refused ? { code: error.code, detail: error.detail } : this.snapshot.refusal;
    // Signed out: signing in again in any tab lets the edits go. Anything else refused for good stays here.
    const lost = refused && error.status !== 401;
    this.change({ saveState: lost ? "conflict" : "offline", refusal });
    if (!lost) this.schedule(this.pause());
  }

  private pause(): number {
    const usual = RETRY_MS[Math.min(this.failures, RETRY_MS.length) - 1] ?? RETRY_MS[0]!;
    return usual * (0.75 + Math.random() / 2);
  }

  // What became of a batch. Our edits come after all others the server knows: their numbers are the last ones.
  private async settle(base: number, batch: readonly Pending[], answer: SubmitAnswer): Promise<void> {
    const refused = new Map(answer.rejected.map((each) => [each.op_id, each]));
    const taken = batch.filter(({ op_id }) => !refused.has(op_id));
    this.pending = this.pending.filter(({ op_id }) => !refused.has(op_id));
    const first = answer.revision - taken.length + 1;
    const ours = taken.map(({ op_id, op }, index) => ({ op_id, op, revision: first + index }));
    const counted = base + answer.operations.length + taken.length === answer.revision && refused.size === 0;
    const plain = counted && !taken.some(({ op }) => renames(op));
    if (plain) this.take([...answer.operations, ...ours]);
    else await this.catchUp(new Set(taken.map(({ op_id }) => op_id)));
    const [refusal] = answer.rejected;
    if (refusal !== undefined) this.change({ refusal: { code: refusal.code, detail: refusal.detail } });
    this.noteProblems(answer.revision, answer.problems);
  }

  // Edits in the server's order. Known ones are skipped; after a hole, or one we do not understand, we ask.
  private take(edits: readonly Pick<Edit, "revision" | "op_id" | "op">[]): void {
    let [base, at] = [this.base, this.revision];
    const arrived = new Set<string>();
    for (const edit of edits) {
      if (edit.revision > at + 1) return void this.catchUp();
      arrived.add(edit.op_id);
      if (edit.revision <= at) continue;
      if (renames(edit.op as Op)) return void this.catchUp();
      try {
        base = apply(base, edit.op as Op);
      } catch (error) {
        if (error instanceof OperationRefused) return void this.catchUp();
        throw error;
      }
      at = edit.revision;
    }
    [this.base, this.revision] = [base, at];
    this.pending = this.pending.filter(({ op_id }) => !arrived.has(op_id));
    this.rebase();
  }

  private async catchUp(accepted: ReadonlySet<string> = new Set()): Promise<void> {
    try {
      const arrived = await this.arrivedSince(this.revision);
      this.pending = this.pending.filter(({ op_id }) => !arrived.has(op_id) && !accepted.has(op_id));
      const view = await this.options.api.getFlow(this.options.flowId);
      if (view.revision < this.revision) return;
      this.adopt(view);
      this.rebase();
    } catch (error) {
      this.fail(error);
    }
  }

  // The ids of the edits the server took after a revision.
  private async arrivedSince(revision: number): Promise<Set<string>> {
    const ids = new Set<string>();
    for (let after = revision; ; ) {
      const { revision: newest, operations } = await this.options.api.operationsSince(this.options.flowId, after);
      for (const edit of operations) ids.add(edit.op_id);
      const last = operations.at(-1)?.revision ?? newest;
      if (last >= newest || last <= after) return ids;
      after = last;
    }
  }

  private adopt(view: FlowView): void {
    this.base = view.document;
    this.revision = view.revision;
    this.change({ publishedVersion: view.published_version });
    this.noteProblems(view.revision, view.problems);
  }

  // The document anew: the server's, with our edits on top. One that fits no more is dropped, and said.
  private rebase(also: Partial<Snapshot> = {}): void {
    let flow = this.base;
    let refusal = this.snapshot.refusal;
    this.pending = this.pending.filter(({ op }) => {
      try {
        flow = apply(flow, op);
        return true;
      } catch (error) {
        if (!(error instanceof OperationRefused)) throw error;
        refusal = { code: error.code, detail: "" };
        return false;
      }
    });
    this.drafts?.save(this.revision, this.pending);
    const saveState = this.pending.length === 0 ? "saved" : "saving";
    this.change({ flow, revision: this.revision, saveState, refusal, ...also });
  }

  private noteProblems(revision: number, problems: readonly Problem[]): void {
    if (revision < this.problemsRevision) return;
    this.problemsRevision = revision;
    this.change({ problems });
  }

  // The page goes: what waits is sent by a request that outlives it. It is kept as well, in case it does not arrive.
  private leave = (): void => {
    this.drafts?.save(this.revision, this.pending);
    const operations = this.pending.slice(0, MOST_AT_ONCE).map(({ op_id, op }) => ({ op_id, op }));
    if (operations.length === 0 || this.disposed || JSON.stringify(operations).length > KEEPALIVE_BYTES) return;
    this.options.api.submit(this.options.flowId, this.clientId, this.revision, operations, true).catch(() => undefined); // kept in the draft
  };

  private change(part: Partial<Snapshot>): void {
    const before = this.snapshot as unknown as { [name: string]: unknown };
    if (Object.entries(part).every(([name, value]) => before[name] === value)) return;
    this.snapshot = { ...this.snapshot, ...part };
    for (const listener of this.listeners) listener();
  }
}

// A renamed node changes templates, and what is a reference in one that does not parse the server alone decides.
function renames(op: Op): boolean {
  return op.op === "node.rename_id" || (op.op === "batch" && op.ops.some(renames));
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
