// One's own undo and redo: the inverse of each edit, in order. Quick edits of one place are one step. What somebody
// else changed since is not taken back: that is theirs.

import { readdressed, without, type Renamed } from "./touches";
import type { Op } from "./types";

interface Step {
  back: Op;
  // The first edit of the step.
  op_id: string;
  merge: string | undefined;
  at: number;
  // Whether the server has numbered that edit: only then do others' edits come after it.
  settled: boolean;
}

export interface Made {
  back: Op;
  op_id: string;
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
  record({ back, op_id }: Made, merge?: string): void {
    const last = this.undos.at(-1);
    this.redos = [];
    if (merge !== undefined && last?.merge === merge && this.now() - last.at < ONE_STEP_MS) {
      last.at = this.now();
      return;
    }
    this.undos.push({ back, op_id, merge, at: this.now(), settled: false });
    if (this.undos.length > MOST_STEPS) this.undos.shift();
  }

  // The server put an edit of ours in its place: what takes it back leads to what was there before it.
  settle(opId: string, back: () => Op): void {
    const step = [...this.undos, ...this.redos].find((each) => each.op_id === opId && !each.settled);
    if (step === undefined) return;
    step.back = back();
    step.settled = true;
  }

  // Somebody else wrote to these places: they are not ours to take back any more.
  forget(places: readonly string[]): void {
    const theirs = new Set(places);
    const left = (step: Step): Step[] => {
      if (!step.settled) return [step];
      const back = without(step.back, theirs);
      return back === null ? [] : [back === step.back ? step : { ...step, back }];
    };
    this.undos = this.undos.flatMap(left);
    this.redos = this.redos.flatMap(left);
  }

  // Parts are called otherwise now; with `fresh`, only the edits the server has not numbered speak of them.
  readdress(renamed: readonly Renamed[], fresh: boolean): void {
    for (const step of [...this.undos, ...this.redos]) {
      if (!fresh || !step.settled) step.back = readdressed(step.back, renamed);
    }
  }

  // An edit that was not taken needs no undo.
  drop(opId: string): void {
    this.undos = this.undos.filter((step) => step.op_id !== opId);
    this.redos = this.redos.filter((step) => step.op_id !== opId);
  }

  // Takes steps back until one still applies: `make` does it and gives what takes it back in turn, or null.
  undo(make: (op: Op) => Made | null): void {
    this.turn(this.undos, this.redos, make);
  }

  redo(make: (op: Op) => Made | null): void {
    this.turn(this.redos, this.undos, make);
  }

  private turn(from: Step[], to: Step[], make: (op: Op) => Made | null): void {
    for (let step = from.pop(); step !== undefined; step = from.pop()) {
      const made = make(step.back);
      if (made === null) continue; // somebody else removed what it would change
      to.push({ ...made, merge: undefined, at: this.now(), settled: false });
      return;
    }
  }
}

