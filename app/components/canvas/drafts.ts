// Edits the server does not have yet, kept in this browser: they survive a reload, a crash and a closed tab.
// Each tab keeps its own; what a tab that is gone left behind is taken over by the next one that opens the flow.

import type { Op } from "./types";

export interface Pending {
  op_id: string;
  op: Op;
  // Edits of one kind in one place may be one edit while they are not sent.
  merge?: string;
  sent: boolean;
}

export interface Draft {
  revision: number;
  operations: Pick<Pending, "op_id" | "op">[];
}

interface Stored extends Draft {
  at: number;
}

const PREFIX = "prometey.pending.";
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
  const known = sessionStorage.getItem(CLIENT_KEY);
  if (known !== null && (claimed.has(known) || !hasLocks() || (await held(lockOf(known))))) {
    claimed.add(known);
    return known;
  }
  const fresh = crypto.randomUUID();
  sessionStorage.setItem(CLIENT_KEY, fresh);
  claimed.add(fresh);
  if (hasLocks()) await held(lockOf(fresh));
  return fresh;
}

const claimed = new Set<string>();

export class Drafts {
  constructor(
    private readonly flowId: string,
    private readonly clientId: string,
    private readonly storage: Storage,
  ) {}

  save(revision: number, operations: readonly Pending[]): void {
    const key = this.key(this.clientId);
    if (operations.length === 0) return this.storage.removeItem(key);
    const stored: Stored = { revision, operations: operations.map(({ op_id, op }) => ({ op_id, op })), at: Date.now() };
    try {
      this.storage.setItem(key, JSON.stringify(stored));
    } catch {
      // The browser's storage is full: the edits are still in memory and on their way.
    }
  }

  // What this tab left before a reload, and what tabs that are gone left, oldest first. It is ours from now on.
  async takeOver(): Promise<Draft[]> {
    const found: Stored[] = [];
    for (const key of this.keys()) {
      const owner = key.slice(this.key("").length);
      const stored = this.read(key);
      if (stored === null || !(owner === this.clientId || (await this.isGone(owner, stored)))) continue;
      this.storage.removeItem(key);
      found.push(stored);
    }
    return found.sort((one, other) => one.at - other.at);
  }

  private key(clientId: string): string {
    return `${PREFIX}${this.flowId}.${clientId}`;
  }

  private keys(): string[] {
    const keys = Array.from({ length: this.storage.length }, (_none, index) => this.storage.key(index) ?? "");
    return keys.filter((key) => key.startsWith(this.key("")));
  }

  private read(key: string): Stored | null {
    try {
      const stored = JSON.parse(this.storage.getItem(key) ?? "null") as Stored | null;
      return stored !== null && Array.isArray(stored.operations) ? stored : null;
    } catch {
      return null; // not ours
    }
  }

  private async isGone(clientId: string, stored: Stored): Promise<boolean> {
    if (!hasLocks()) return Date.now() - stored.at > GONE_AFTER_MS;
    return navigator.locks.request(lockOf(clientId), { ifAvailable: true }, (lock) => Promise.resolve(lock !== null));
  }
}
