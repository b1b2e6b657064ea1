// Edits the server does not have yet, kept in this browser: they survive a reload, a crash and a closed tab.
// Each tab keeps its own; what a tab that is gone left behind is taken over by the next one that opens the flow.

import type { Aside } from "./aside";
import type { Kept, Shelf } from "./shelf";
import type { Op } from "./types";

export interface Pending {
  op_id: string;
  op: Op;
  // The newest revision its author had seen.
  base: number;
  // Its place in the queue.
  n: number;
  // Edits of one kind in one place may be one edit while they are not sent.
  merge?: string;
  sent: boolean;
}

const CLIENT_KEY = "prometey.client";
// Without the Locks API nobody can tell whether a tab lives: after this time it is taken for gone.
const GONE_AFTER_MS = 10 * 60_000;

// Holds a lock for as long as the tab lives. False when another tab holds it.
function held(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const keep = (lock: Lock | null) => {
      resolve(lock !== null);
      return lock === null ? Promise.resolve() : new Promise<void>(() => undefined);
    };
    navigator.locks.request(name, { ifAvailable: true }, keep).catch(() => resolve(true));
  });
}

const lockOf = (clientId: string) => `prometey.tab.${clientId}`;
const hasLocks = () => typeof navigator !== "undefined" && "locks" in navigator;

// This tab's name among editors. A duplicated tab inherits its twin's storage and takes a new name.
export async function claimClientId(): Promise<string> {
  const known = remembered();
  if (known !== null && (claimed.has(known) || !hasLocks() || (await held(lockOf(known))))) {
    claimed.add(known);
    return known;
  }
  const fresh = crypto.randomUUID();
  remember(fresh);
  claimed.add(fresh);
  if (hasLocks()) await held(lockOf(fresh));
  return fresh;
}

const claimed = new Set<string>();

function remembered(): string | null {
  try {
    return sessionStorage.getItem(CLIENT_KEY) ?? [...claimed].at(-1) ?? null;
  } catch {
    return [...claimed].at(-1) ?? null; // storage is forbidden: the name lives as long as the page
  }
}

function remember(clientId: string): void {
  try {
    sessionStorage.setItem(CLIENT_KEY, clientId);
  } catch {
    // forbidden: see above
  }
}

// What of a queue is on the shelf, and keeping it so.
export class Drafts {
  private readonly written = new Map<string, Pending | Aside>();
  private failed = false;

  constructor(
    private readonly flowId: string,
    private readonly clientId: string,
    private readonly shelf: Shelf,
    private readonly now: () => number = Date.now,
  ) {}

  get durable(): boolean {
    return this.shelf.durable;
  }

  // Whether everything given to `save` would be there after this page died.
  get held(): boolean {
    return this.shelf.durable && !this.failed;
  }

  save(pending: readonly Pending[], asides: readonly Aside[]): void {
    const wanted = new Map<string, Pending | Aside>([...asides, ...pending].map((each) => [each.op_id, each]));
    const gone = [...this.written.keys()].filter((id) => !wanted.has(id));
    const puts = [...wanted.values()].filter((each) => this.failed || !same(this.written.get(each.op_id), each));
    if (gone.length === 0 && puts.length === 0) return;
    for (const id of gone) this.written.delete(id);
    for (const each of puts) this.written.set(each.op_id, each);
    void this.write(puts.map((each) => this.record(each)), gone);
  }

  // What was taken over is in the queue or set aside now; `save` looks after it from here on.
  adopted(kept: readonly Kept[]): void {
    for (const { op_id, op, n, base, at, aside } of kept) {
      this.written.set(op_id, aside === undefined ? { op_id, op, n, base, sent: false } : { ...aside, op_id, op, at });
    }
  }

  // What this tab left before a reload (with `own`), and what tabs that are gone left, oldest first. It is ours now.
  async takeOver(own: boolean): Promise<Kept[]> {
    const take = async () => {
      const found: Kept[] = [];
      const alive = new Map<string, boolean>();
      for (const kept of await this.shelf.of(this.flowId)) {
        if (kept.client === this.clientId ? !own : await this.lives(kept, alive)) continue;
        found.push(kept);
      }
      found.sort((one, other) => (one.client === other.client ? one.n - other.n : one.at - other.at));
      const foreign = found.filter(({ client }) => client !== this.clientId);
      const mine = found.map((kept) => ({ ...kept, client: this.clientId }));
      if (foreign.length > 0) await this.shelf.write(mine, []);
      return mine;
    };
    try {
      // Two tabs that open at once do not both take the same queue.
      return hasLocks() ? await navigator.locks.request(`prometey.adopt.${this.flowId}`, take) : await take();
    } catch {
      this.failed = true; // the shelf broke: what comes is in memory
      return [];
    }
  }

  private async write(puts: Kept[], gone: string[]): Promise<void> {
    try {
      await this.shelf.write(puts, gone);
      this.failed = false;
    } catch {
      this.failed = true; // full or taken away: the edits are in memory and on their way
    }
  }

  private record(each: Pending | Aside): Kept {
    const { op_id, op } = each;
    const common = { op_id, op, flow: this.flowId, client: this.clientId, at: this.now() };
    if (!("why" in each)) return { ...common, n: each.n, base: each.base };
    const { why, by, detail, node } = each;
    return { ...common, n: 0, base: 0, at: each.at, aside: { why, by, detail, node } };
  }

  private async lives({ client, at }: Kept, known: Map<string, boolean>): Promise<boolean> {
    if (client === this.clientId) return false;
    if (!hasLocks()) return this.now() - at <= GONE_AFTER_MS;
    const asked = known.get(client) ?? !(await navigator.locks.request(lockOf(client), { ifAvailable: true }, (lock) => Promise.resolve(lock !== null)));
    known.set(client, asked);
    return asked;
  }
}

const same = (one: Pending | Aside | undefined, other: Pending | Aside) => one === other || (one !== undefined && one.op === other.op && "why" in one === "why" in other);
