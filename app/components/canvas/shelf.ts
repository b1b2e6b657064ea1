// Where edits are kept in this browser: IndexedDB, or memory where the browser has none. One record an edit.

import type { AsideFacts } from "./aside";
import type { Op } from "./types";

export interface Kept {
  op_id: string;
  flow: string;
  client: string;
  // The place in its client's queue.
  n: number;
  op: Op;
  // The newest revision its author had seen.
  base: number;
  at: number;
  // Set for an edit that was not taken or was overwritten: it waits for its author, not for the server.
  aside?: AsideFacts;
}

export interface Shelf {
  // Whether what is kept outlives the page.
  readonly durable: boolean;
  // All or nothing. Resolves when it is kept.
  write(puts: readonly Kept[], gone: readonly string[]): Promise<void>;
  of(flowId: string): Promise<Kept[]>;
}

const DATABASE = "prometey";
const STORE = "edits";

export class MemoryShelf implements Shelf {
  readonly durable = false;
  private readonly items = new Map<string, Kept>();

  write(puts: readonly Kept[], gone: readonly string[]): Promise<void> {
    for (const id of gone) this.items.delete(id);
    for (const item of puts) this.items.set(item.op_id, structuredClone(item));
    return Promise.resolve();
  }

  of(flowId: string): Promise<Kept[]> {
    return Promise.resolve([...this.items.values()].filter(({ flow }) => flow === flowId));
  }
}

class DatabaseShelf implements Shelf {
  readonly durable = true;

  constructor(private database: IDBDatabase) {}

  // The commit is asked for at once: it reaches the browser's process even if this page dies with the next line.
  write(puts: readonly Kept[], gone: readonly string[]): Promise<void> {
    const transaction = this.begin();
    const store = transaction.objectStore(STORE);
    for (const id of gone) store.delete(id);
    for (const item of puts) store.put(item);
    transaction.commit();
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error("aborted"));
    });
  }

  of(flowId: string): Promise<Kept[]> {
    const asked = this.database.transaction(STORE).objectStore(STORE).index("flow").getAll(flowId) as IDBRequest<Kept[]>;
    return answer(asked);
  }

  private begin(): IDBTransaction {
    return this.database.transaction(STORE, "readwrite", { durability: "relaxed" });
  }
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("refused"));
  });
}

// One for the page, so that what memory keeps survives a walk through the product.
const memory = new MemoryShelf();
const OPEN_WITHIN_MS = 3_000;

export async function openShelf(): Promise<Shelf> {
  try {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "op_id" }).createIndex("flow", "flow");
    const late = new Promise<never>((_resolve, reject) => setTimeout(() => reject(new Error("too late")), OPEN_WITHIN_MS));
    const database = await Promise.race([answer(request), late]);
    // Another tab wants a newer layout: it must not wait for us.
    database.onversionchange = () => database.close();
    return new DatabaseShelf(database);
  } catch {
    return memory; // switched off, private, or broken: the editor says so
  }
}
