// Keeps an editor's copy of the flow and the server's one document: edits apply at once, wait in a queue that outlives
// the page, and are sent in order; others' edits slide underneath.

import { ApiProblem, Offline, type Api } from "./api";
import { AWAY_MS, LISTENING_MS, type Aside } from "./aside";
import { claimClientId, Drafts, type Pending } from "./drafts";
import { renames, Replica } from "./replica";
import { Sender } from "./sending";
import { openShelf, type Kept, type Shelf } from "./shelf";
import type { Edit, Flow, FlowView, LiveItem, Op, Problem, SubmitAnswer } from "./types";

export type SaveState = "saved" | "saving" | "offline" | "conflict";

export interface Snapshot {
  flow: Flow;
  revision: number;
  publishedVersion: number | null;
  saveState: SaveState;
  // How many edits the server does not have yet.
  waiting: number;
  // False where this browser keeps nothing: edits that wait live in this page alone.
  durable: boolean;
  problems: readonly Problem[];
  canUndo: boolean;
  canRedo: boolean;
  // Edits of ours that were not taken, or undone by somebody who had not seen them. The latest last.
  asides: readonly Aside[];
  // Why the server takes no edits at all.
  refusal: { code: string; detail: string } | null;
  loaded: boolean;
  // Why the flow cannot be shown at all.
  failure: ApiProblem | null;
}

export type FlowApi = Pick<Api, "getFlow" | "operationsSince" | "submit">;

interface Options {
  flowId: string;
  api: FlowApi;
  shelf?: () => Promise<Shelf>;
  clientId?: () => Promise<string>;
  now?: () => number;
}

const MOST_AT_ONCE = 500;
const BYTES_AT_ONCE = 1_000_000;
const KEEPALIVE_BYTES = 60_000;
const LOOK_AGAIN_MS = 5_000;
const NONE: ReadonlySet<string> = new Set();
const NOBODY = { id: null, name: "" };

export class FlowStore {
  private readonly replica: Replica;
  private readonly sender: Sender;
  private drafts: Drafts | null = null;
  private atOnce = MOST_AT_ONCE;
  private problemsRevision = 0;
  // Whether the server may know edits of others that we could not ask for.
  private behind = false;
  private disposed = false;
  private later: ReturnType<typeof setTimeout> | undefined;
  private readonly listeners = new Set<() => void>();
  private snapshot: Snapshot = {
    flow: { schema: "flow/1" }, revision: 0, publishedVersion: null, saveState: "saved", waiting: 0, durable: true, problems: [],
    canUndo: false, canRedo: false, asides: [], refusal: null, loaded: false, failure: null,
  };

  constructor(private readonly options: Options) {
    this.replica = new Replica(options.now);
    this.sender = new Sender(
      () => this.sendOnce(),
      () => this.replica.pending.length > 0 && this.snapshot.saveState === "saving",
    );
    if (typeof window === "undefined") return;
    for (const [name, listener] of this.heard) window.addEventListener(name, listener);
  }

  private readonly heard: readonly [string, (event: Event) => void][] = [
    ["online", () => this.sender.now()],
    ["pageshow", () => this.sender.now()],
    ["focus", () => void this.adoptLeft()],
    ["pagehide", () => this.leave()],
    // Only what would be lost asks: edits that neither the server nor this browser holds.
    ["beforeunload", (event) => this.replica.pending.length > 0 && this.drafts?.held !== true && event.preventDefault()],
  ];

  dispose(): void {
    this.leave();
    this.disposed = true;
    this.sender.stop();
    clearTimeout(this.later);
    if (typeof window === "undefined") return;
    for (const [name, listener] of this.heard) window.removeEventListener(name, listener);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  getSnapshot = (): Snapshot => this.snapshot;

  // Fetches the flow and takes up edits that a reload or a crash kept from the server.
  async load(): Promise<void> {
    try {
      this.replica.clientId = await (this.options.clientId ?? claimClientId)();
      this.drafts ??= new Drafts(this.options.flowId, this.replica.clientId, await (this.options.shelf ?? openShelf)(), this.options.now);
      const view = await this.options.api.getFlow(this.options.flowId);
      this.replica.adopt(view.document, view.revision);
      await this.takeUp(this.drafts, await this.drafts.takeOver(true));
      this.adopted(view, { loaded: true, failure: null, durable: this.drafts.durable });
      if (this.behind) void this.hear();
      // A tab that is just going still holds its queue.
      this.later = setTimeout(() => void this.adoptLeft(), LOOK_AGAIN_MS);
    } catch (error) {
      if (this.disposed) return;
      if (error instanceof ApiProblem && error.status < 500) return this.change({ failure: error });
      this.sender.failed();
      this.change({ saveState: "offline" });
      this.later = setTimeout(() => void this.load(), this.sender.pause());
    }
  }

  // Applies an edit at once and queues it. False when it does not fit the document.
  dispatch(op: Op, { merge }: { merge?: string } = {}): boolean {
    const fits = this.replica.dispatch(op, merge);
    if (fits) this.changed();
    return fits;
  }

  undo(): void {
    this.replica.undo();
    this.changed();
  }

  redo(): void {
    this.replica.redo();
    this.changed();
  }

  // Makes an edit again that was set aside, with what it needs brought back. False when it cannot be.
  takeBack(opId: string): boolean {
    const done = this.replica.takeBack(opId);
    this.changed();
    return done;
  }

  dismiss(opId: string): void {
    this.replica.dismiss(opId);
    this.changed();
  }

  published(version: number): void {
    this.change({ publishedVersion: version });
  }

  // News of this flow: others' edits and ours as the server numbered them, problems, or that something was missed.
  receive(item: LiveItem): void {
    if (!this.snapshot.loaded) this.behind = true;
    else if (item.kind === "operations") this.take(item.operations, LISTENING_MS);
    else if (item.kind === "problems") this.noteProblems(item.revision, item.problems);
    else if (item.kind === "gap") void this.hear();
  }

  // Resolves when the server has every edit made so far; rejects with Offline when it cannot be reached.
  async flush(): Promise<void> {
    while (this.replica.pending.length > 0) {
      await this.sender.send();
      if (this.replica.pending.length > 0 && this.snapshot.saveState !== "saving") throw new Offline("the edits did not arrive");
    }
  }

  // A person did something.
  private changed(): void {
    const waits = this.replica.pending.length > 0;
    this.show(this.snapshot.saveState === "saved" && waits ? { saveState: "saving" } : {});
    if (waits) this.sender.soon();
  }

  // The server answered.
  private agreed(also: Partial<Snapshot> = {}): void {
    const waits = this.replica.pending.length > 0;
    this.show({ saveState: waits ? "saving" : "saved", ...also });
    if (waits) this.sender.soon();
  }

  private show(also: Partial<Snapshot>): void {
    const { flow, revision, pending, asides, history } = this.replica;
    // A page that went wrote its last word: an answer that comes late is the next page's to find.
    if (!this.disposed) this.drafts?.save(pending, asides);
    this.change({ flow, revision, asides, waiting: pending.length, canUndo: history.canUndo, canRedo: history.canRedo, ...also });
  }

  private async sendOnce(): Promise<void> {
    if (this.disposed) return;
    if (this.behind && !(await this.hear())) return;
    const batch = this.nextBatch();
    if (batch.length === 0) return;
    for (const each of batch) each.sent = true;
    const base = this.replica.revision;
    try {
      const answer = await this.options.api.submit(this.options.flowId, this.replica.clientId, base, batch.map(sendable));
      this.sender.succeeded();
      this.atOnce = Math.min(MOST_AT_ONCE, this.atOnce * 4);
      await this.settle(base, batch, answer);
    } catch (error) {
      this.fail(error, batch);
    }
  }

  private nextBatch(): Pending[] {
    let bytes = 0;
    const some = this.replica.pending.slice(0, this.atOnce);
    const end = some.findIndex((each, index) => (bytes += JSON.stringify(each.op).length) > BYTES_AT_ONCE && index > 0);
    return end === -1 ? some : some.slice(0, end);
  }

  private fail(error: unknown, batch: readonly Pending[] = []): void {
    if (this.disposed) return;
    this.sender.failed();
    const refused = error instanceof ApiProblem && error.status < 500 && error.status !== 429;
    if (refused && batch.length > 0 && UNREADABLE.has(error.status)) return this.isolate(error, batch);
    const refusal = refused ? { code: error.code, detail: error.detail } : this.snapshot.refusal;
    // Signed out: signing in again in any tab lets the edits go. Anything else refused for good stays here.
    const lost = refused && error.status !== 401;
    this.change({ saveState: lost ? "conflict" : "offline", refusal });
    if (!lost) this.sender.again();
  }

  // Something in a batch cannot even be read: it is found by sending edits one by one, and set aside.
  private isolate(error: ApiProblem, batch: readonly Pending[]): void {
    this.atOnce = 1;
    if (batch.length === 1) this.replica.refuse(batch[0]!, error.detail);
    this.agreed();
  }

  // What became of a batch. Our edits come after all others the server knows: their numbers are the last ones.
  private async settle(base: number, batch: readonly Pending[], answer: SubmitAnswer): Promise<void> {
    const refused = new Map(answer.rejected.map((each) => [each.op_id, each]));
    const deferred = new Set(answer.deferred);
    const taken = batch.filter(({ op_id }) => !refused.has(op_id) && !deferred.has(op_id));
    const first = answer.revision - taken.length + 1;
    const ours = taken.map(({ op_id, op }, index): Edit => ({ op_id, op, revision: first + index, client_id: this.replica.clientId, actor: NOBODY, at: "" }));
    const counted = base + answer.operations.length + taken.length === answer.revision && refused.size === 0;
    const plain = counted && !taken.some(({ op }) => renames(op).length > 0);
    if (plain) this.take([...answer.operations, ...ours], LISTENING_MS);
    else if (!(await this.catchUp(new Set(taken.map(({ op_id }) => op_id))))) return;
    // One that had to change meanwhile is sent again as it is now.
    const stands = (each: Pending) => this.replica.pending.some((now) => now.op_id === each.op_id && now.op === each.op);
    const out = batch.filter((each) => refused.has(each.op_id) && stands(each));
    for (const each of out) this.replica.refuse(each, refused.get(each.op_id)!.detail);
    if (out.length > 0) this.agreed();
    this.noteProblems(answer.revision, answer.problems);
  }

  private take(edits: readonly Edit[], youngMs: number): void {
    const whole = this.replica.take(edits, youngMs);
    this.agreed();
    if (!whole) void this.catchUp();
  }

  // What others did since the revision we know. False when the server cannot be reached.
  private async hear(): Promise<boolean> {
    this.behind = true;
    try {
      const edits = await this.editsSince(this.replica.revision);
      this.behind = false;
      this.sender.succeeded();
      this.take(edits, AWAY_MS);
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  // Everything anew from the server, and what happened on the way there. False when it cannot be reached.
  private async catchUp(accepted: ReadonlySet<string> = NONE): Promise<boolean> {
    this.behind = true;
    try {
      const since = this.replica.revision;
      const view = await this.options.api.getFlow(this.options.flowId);
      const edits = await this.editsSince(since);
      this.behind = false;
      // What was heard meanwhile may be newer than what was fetched.
      if (view.revision >= this.replica.revision) this.replica.replace(view.document, view.revision, edits, accepted, AWAY_MS);
      this.adopted(view);
      this.take(edits.filter(({ revision }) => revision > view.revision), AWAY_MS);
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  private adopted(view: FlowView, also: Partial<Snapshot> = {}): void {
    this.noteProblems(view.revision, view.problems);
    this.agreed({ publishedVersion: view.published_version, ...also });
  }

  // The edits the server took after a revision.
  private async editsSince(revision: number): Promise<Edit[]> {
    const found: Edit[] = [];
    for (let after = revision; ; ) {
      const { revision: newest, operations } = await this.options.api.operationsSince(this.options.flowId, after);
      found.push(...operations);
      const last = operations.at(-1)?.revision ?? newest;
      if (last >= newest || last <= after) return found;
      after = last;
    }
  }

  private async takeUp(drafts: Drafts, kept: readonly Kept[]): Promise<void> {
    const bases = kept.flatMap(({ aside, base }) => (aside === undefined ? [base] : []));
    const edits = bases.length === 0 ? [] : await this.editsSince(Math.min(...bases));
    drafts.adopted(kept);
    this.replica.takeUp(kept, edits);
    this.replica.take(edits.filter(({ revision }) => revision > this.replica.revision), AWAY_MS);
  }

  private async adoptLeft(): Promise<void> {
    if (!this.snapshot.loaded || this.disposed || this.drafts === null) return;
    try {
      const left = await this.drafts.takeOver(false);
      if (left.length === 0) return;
      await this.takeUp(this.drafts, left);
      this.agreed();
    } catch (error) {
      this.fail(error); // they are ours on the shelf: the next load finds them
    }
  }

  private noteProblems(revision: number, problems: readonly Problem[]): void {
    if (revision < this.problemsRevision) return;
    this.problemsRevision = revision;
    this.change({ problems });
  }

  // The page goes: what waits is sent by a request that outlives it. It is kept as well, in case it does not arrive.
  private leave(): void {
    this.drafts?.save(this.replica.pending, this.replica.asides);
    const batch = this.replica.pending.slice(0, MOST_AT_ONCE);
    const operations = batch.map(sendable);
    if (operations.length === 0 || this.disposed || JSON.stringify(operations).length > KEEPALIVE_BYTES) return;
    for (const each of batch) each.sent = true;
    const { clientId, revision } = this.replica;
    this.options.api.submit(this.options.flowId, clientId, revision, operations, true).catch(() => undefined); // kept in the draft
  }

  private change(part: Partial<Snapshot>): void {
    const before = this.snapshot as unknown as { [name: string]: unknown };
    if (Object.entries(part).every(([name, value]) => before[name] === value)) return;
    this.snapshot = { ...this.snapshot, ...part };
    for (const listener of this.listeners) listener();
  }
}

// Answers to a request whose content the server could not read, or found too large.
const UNREADABLE: ReadonlySet<number> = new Set([400, 413, 422]);

const sendable = ({ op_id, op, base }: Pending) => ({ op_id, op, base });
