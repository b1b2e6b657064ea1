// What the run on the canvas does, node by node. A small store outside React: one event re-renders one card.
// Events come numbered, from the page's state and from streams; each number counts once.

import type { ErrorValue, Json, LiveEvent, RunStatus, RunView, StepStatus, StepView, Usage } from "./types";

export interface NodeRun {
  status: StepStatus;
  ports: readonly string[];
  text: string;
  output?: Json;
  error?: ErrorValue | null;
  usage?: Usage | null;
  durationMs?: number;
  attempts?: number;
  startedAt?: number;
}

export interface ShownRun {
  id: string;
  status: RunStatus;
  output: Json;
  error: ErrorValue | null;
  usage: Usage;
  version: number | null;
}

const IDLE: NodeRun = { status: "idle", ports: [], text: "" };
const STEP_STATUS: { readonly [type: string]: StepStatus } = {
  "step.started": "running",
  "step.succeeded": "succeeded",
  "step.failed": "failed",
  "step.skipped": "skipped",
  "step.waiting": "waiting",
};
const RUN_STATUS: { readonly [type: string]: RunStatus } = {
  "run.started": "running",
  "run.waiting": "waiting",
  "run.succeeded": "succeeded",
  "run.failed": "failed",
  "run.cancelled": "cancelled",
};
export const ENDED: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled"]);

// The mark a whole run wears.
export const SHOWN_AS: { readonly [status in RunStatus]: StepStatus } = {
  queued: "running", running: "running", waiting: "waiting", succeeded: "succeeded", failed: "failed", cancelled: "skipped",
};

export class RunStore {
  private nodes = new Map<string, NodeRun>();
  private run: ShownRun | null = null;
  private lastSeq = 0;
  private textFrom = "";
  private early: LiveEvent[] = [];
  private ended = 0;
  private bare: ReadonlySet<string> = new Set();
  private listeners = new Map<string, Set<() => void>>();

  // "" is the run itself; "*" hears everything.
  subscribe = (key: string, listener: () => void): (() => void) => {
    const set = this.listeners.get(key) ?? new Set();
    this.listeners.set(key, set.add(listener));
    return () => set.delete(listener);
  };

  node = (id: string): NodeRun => this.nodes.get(id) ?? IDLE;
  current = (): ShownRun | null => this.run;
  // Grows by one whenever a run ends: lists of runs watch it.
  endings = (): number => this.ended;

  uncovered = (): ReadonlySet<string> => this.bare;

  // Nodes and branches that no test reaches, until the tests run again.
  markUncovered(places: readonly string[]): void {
    const told = new Set([...this.bare, ...places].map((each) => each.split(".")[0]!));
    this.bare = new Set(places);
    for (const id of told) this.tell(id);
  }

  // Show a run that has just begun. Events that came before this call are kept.
  begin(id: string, version: number | null = null): void {
    if (this.run?.id === id) return;
    this.clear();
    this.run = { id, status: "queued", output: null, error: null, usage: {}, version };
    this.tell("");
  }

  // Show a run of the past.
  show(run: RunView, steps: readonly StepView[]): void {
    this.clear();
    const { id, status, output, error, usage, version } = run;
    this.run = { id, status, output, error, usage: usage ?? {}, version };
    this.lastSeq = ENDED.has(status) ? Number.MAX_SAFE_INTEGER : 0;
    for (const step of steps) {
      this.put(step.node, {
        status: step.status,
        ports: step.ports,
        text: "",
        output: step.output,
        error: step.error,
        usage: step.usage,
        attempts: step.attempts,
        ...(step.duration_ms === null ? {} : { durationMs: step.duration_ms }),
      });
    }
    this.tell("");
  }

  clear(): void {
    const known = [...this.nodes.keys()];
    this.nodes.clear();
    this.run = null;
    this.lastSeq = 0;
    this.early = [];
    this.textFrom = "";
    for (const id of known) this.tell(id);
    this.tell("");
  }

  // From now on text comes from this source alone: pieces of text carry no number, so two sources would double them.
  // A source begins with everything the run has said so far.
  listen(source: string): void {
    this.textFrom = source;
    for (const [id, each] of this.nodes) {
      if (each.text !== "" && each.status === "running") this.put(id, { ...each, text: "" });
    }
  }

  // Both the page's state and a stream may bring the same event, in either order.
  take(runId: string, events: readonly LiveEvent[], source = ""): void {
    if (this.run?.id !== runId) return;
    for (const event of events) {
      if (event.seq === 0) {
        if (source === this.textFrom) this.delta(event);
      } else if (event.seq === this.lastSeq + 1) this.apply(event);
      else if (event.seq > this.lastSeq) this.early.push(event);
    }
    this.early.sort((one, other) => one.seq - other.seq);
    for (let next = this.early[0]; next && next.seq <= this.lastSeq + 1; next = this.early[0]) {
      this.early.shift();
      if (next.seq === this.lastSeq + 1) this.apply(next);
    }
  }

  private apply(event: LiveEvent): void {
    this.lastSeq = event.seq;
    const status = STEP_STATUS[event.type];
    // What it waited for came: there is no event of its own for that.
    if (status !== undefined && status !== "waiting" && this.run?.status === "waiting") this.run = { ...this.run, status: "running" };
    if (status !== undefined && event.node !== undefined) this.step(event.node, status, event.data ?? {});
    const runStatus = RUN_STATUS[event.type];
    if (runStatus === undefined || this.run === null) return;
    const { output = null, error = null, usage } = event.data ?? {};
    this.run = { ...this.run, status: runStatus };
    if (ENDED.has(runStatus)) {
      this.run = { ...this.run, output, error, usage: usage ?? {} };
      this.ended += 1;
      this.stopRunning(runStatus);
    }
    this.tell("");
  }

  private step(node: string, status: StepStatus, data: NonNullable<LiveEvent["data"]>): void {
    const before = this.node(node);
    if (status === "running") {
      this.put(node, { status, ports: [], text: before.status === "running" ? before.text : "", startedAt: Date.now() });
      return;
    }
    this.put(node, {
      ...before,
      status,
      ports: data.ports ?? [],
      output: data.output ?? null,
      error: data.error ?? null,
      usage: data.usage ?? null,
      ...(data.duration_ms === undefined ? {} : { durationMs: data.duration_ms }),
      ...(data.attempts === undefined ? {} : { attempts: data.attempts }),
    });
  }

  private delta(event: LiveEvent): void {
    if (event.type !== "step.delta" || event.node === undefined) return;
    const before = this.node(event.node);
    if (ENDED.has(before.status)) return;
    this.put(event.node, { ...before, status: "running", text: before.text + (event.data?.text ?? "") });
  }

  // A run that was stopped leaves no node spinning.
  private stopRunning(status: RunStatus): void {
    for (const [id, each] of this.nodes) {
      if (each.status === "running") this.put(id, { ...each, status: status === "succeeded" ? "skipped" : "failed" });
    }
  }

  private put(id: string, value: NodeRun): void {
    this.nodes.set(id, value);
    this.tell(id);
  }

  private tell(key: string): void {
    for (const each of [key, "*"]) this.listeners.get(each)?.forEach((listener) => listener());
  }
}
