// Who else has the flow open, where they point and what they have selected. Nothing of it is kept.

import type { Position } from "./types";

// One open page of somebody; `account` is the same on all pages of one person.
export interface Person {
  id: string;
  account: string;
  name: string;
}

export interface Seen {
  cursor: Position | null;
  selected: readonly string[];
  gone?: boolean;
}

export type PeopleItem = { kind: "people"; begun: boolean; me: string; people: Person[] } | ({ kind: "presence"; person: string } & Seen);

export interface Other extends Person, Seen {
  color: string;
}

const COLORS = ["violet", "blue", "jade", "pink", "cyan", "gold", "indigo", "grass"];
// A hand that rests is not worth drawing.
const RESTS_AFTER_MS = 15_000;
const SAY_EVERY_MS = 100;
const NOBODY: readonly Other[] = [];

// The same person has the same colour in every browser, on every day.
export function colorOf(account: string): string {
  let hash = 2_166_136_261;
  for (const char of account) hash = Math.imul(hash ^ char.charCodeAt(0), 16_777_619);
  return COLORS[(hash >>> 0) % COLORS.length]!;
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0]!, words.at(-1)!].map((word) => [...word][0]) : [...(words[0] ?? "?")].slice(0, 1);
  return letters.join("").toUpperCase();
}

export class People {
  // The account of whoever looks at this page.
  me = "";
  private others: readonly Other[] = NOBODY;
  private readonly rests = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly listeners = new Set<() => void>();
  private wanted: Seen = { cursor: null, selected: [] };
  private said = "";
  private timer: ReturnType<typeof setTimeout> | undefined;

  // `tell` brings what we point at to the others.
  constructor(private readonly tell: (seen: Seen) => void) {}

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  get = (): readonly Other[] => this.others;

  receive(item: PeopleItem): void {
    if (item.kind === "people") {
      this.me = item.me;
      const known = new Map(this.others.map((each) => [each.id, each]));
      const came = item.people.some(({ id }) => !known.has(id));
      this.change(item.people.map((each) => known.get(each.id) ?? { ...each, color: colorOf(each.account), cursor: null, selected: [] }));
      if (came) this.said = ""; // who just came has not heard us yet
      return this.saySoon();
    }
    const { person, cursor, selected } = item;
    if (!this.others.some(({ id }) => id === person)) return;
    this.update(person, { cursor, selected });
    clearTimeout(this.rests.get(person));
    if (cursor !== null) this.rests.set(person, setTimeout(() => this.update(person, { cursor: null }), RESTS_AFTER_MS));
  }

  // Where we point now. Nothing is said to nobody, and nothing twice.
  point(seen: Partial<Seen>): void {
    this.wanted = { ...this.wanted, ...seen };
    this.saySoon();
  }

  // The person goes to another page of the product. Whose tab is closed or crashes is missed when their sign expires.
  stop(): void {
    this.tell({ cursor: null, selected: [], gone: true });
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const timer of this.rests.values()) clearTimeout(timer);
  }

  private saySoon(): void {
    if (this.timer !== undefined || this.others.length === 0 || this.said === JSON.stringify(this.wanted)) return;
    this.said = JSON.stringify(this.wanted);
    this.tell(this.wanted);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.saySoon();
    }, SAY_EVERY_MS);
  }

  private update(person: string, seen: Partial<Seen>): void {
    this.change(this.others.map((each) => (each.id === person ? { ...each, ...seen } : each)));
  }

  private change(others: readonly Other[]): void {
    this.others = others;
    for (const listener of this.listeners) listener();
  }
}
