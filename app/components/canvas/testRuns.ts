// The last run of the flow's tests: shared by the tests panel and the publish dialog, so that both tell the same.

import type { TestReport } from "./types";

export interface TestState {
  report: TestReport | null;
  // The revision the tests ran against: an edit since then makes the report old.
  revision: number;
  running: boolean;
}

export class TestRuns {
  private state: TestState = { report: null, revision: 0, running: false };
  private readonly listeners = new Set<() => void>();

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  getSnapshot = (): TestState => this.state;

  // Runs the tests unless they run already. What `ask` throws goes on to the caller.
  async run(ask: () => Promise<TestReport>, revision: () => number): Promise<TestReport | null> {
    if (this.state.running) return null;
    this.change({ ...this.state, running: true });
    try {
      const report = await ask();
      this.change({ report, revision: revision(), running: false });
      return report;
    } catch (error) {
      this.change({ ...this.state, running: false });
      throw error;
    }
  }

  private change(state: TestState): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}
