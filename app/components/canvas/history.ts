// One's own undo and redo: the inverse of each edit, in order. Quick edits of one place are one step.

import type { Op } from "./types";

interface Step {
  back: Op;
  merge: string | undefined;
  at: number;
}

const ONE_STEP_MS = 1_000;
const MOST_STEPS = 500;

export class History {
  private undos: Step[] = [];
  private redos: Step[] = [];

  constructor(private readonly now: () => number = Date.now) {}

  get canUndo(): boolean {
    return this.undos.length > 0;
  }

  get canRedo(): boolean {
    return this.redos.length > 0;
  }

  // `back` takes the edit back that was just made.
  record(back: Op, merge?: string): void {
    const last = this.undos.at(-1);
    this.redos = [];
    if (merge !== undefined && last?.merge === merge && this.now() - last.at < ONE_STEP_MS) {
      last.at = this.now();
      return;
    }
    this.undos.push({ back, merge, at: this.now() });
    if (this.undos.length > MOST_STEPS) this.undos.shift();
  }

  // Takes steps back until one still applies: `make` does it and gives what takes it back in turn, or null.
  undo(make: (op: Op) => Op | null): void {
    this.turn(this.undos, this.redos, make);
  }

  redo(make: (op: Op) => Op | null): void {
    this.turn(this.redos, this.undos, make);
  }

  private turn(from: Step[], to: Step[], make: (op: Op) => Op | null): void {
    for (let step = from.pop(); step !== undefined; step = from.pop()) {
      const back = make(step.back);
      if (back === null) continue; // somebody else removed what it would change
      to.push({ back, merge: undefined, at: this.now() });
      return;
    }
  }
}
