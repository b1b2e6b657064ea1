import { expect, test } from "bun:test";
import { RunStore } from "../../../app/components/canvas/runs";
import type { LiveEvent } from "../../../app/components/canvas/types";

const EVENTS: LiveEvent[] = [
  { seq: 1, type: "run.started" },
  { seq: 2, type: "step.started", node: "a" },
  { seq: 3, type: "step.succeeded", node: "a", data: { ports: ["out"], output: { text: "hi" }, duration_ms: 5 } },
  { seq: 4, type: "step.skipped", node: "b" },
  { seq: 5, type: "run.succeeded", data: { output: 7, error: null, usage: {} } },
];

test("events count once, in their order, from however many sources", () => {
  const runs = new RunStore();
  let told = 0;
  runs.subscribe("a", () => (told += 1));
  runs.begin("r");
  runs.take("r", [EVENTS[2]!, EVENTS[1]!], "state");
  expect(runs.node("a").status).toBe("idle");
  runs.take("r", EVENTS.slice(0, 2), "stream");
  runs.take("r", EVENTS, "state");
  expect(runs.node("a")).toMatchObject({ status: "succeeded", ports: ["out"], durationMs: 5 });
  expect(runs.node("b").status).toBe("skipped");
  expect(runs.current()).toMatchObject({ status: "succeeded", output: 7 });
  expect(runs.endings()).toBe(1);
  expect(told).toBe(2);
});

test("text comes from one source, however many bring it", () => {
  const runs = new RunStore();
  const piece: LiveEvent = { seq: 0, type: "step.delta", node: "a", data: { text: "Hello" } };
  runs.begin("r");
  runs.listen("one");
  runs.take("r", [...EVENTS.slice(0, 2), piece], "one");
  runs.take("r", [piece], "two");
  expect(runs.node("a").text).toBe("Hello");
  runs.listen("two"); // it begins with all that was said
  runs.take("r", [piece], "two");
  expect(runs.node("a").text).toBe("Hello");
});

test("another run's events change nothing, and a run that stops leaves no node running", () => {
  const runs = new RunStore();
  runs.begin("r");
  runs.take("other", EVENTS);
  expect(runs.current()!.status).toBe("queued");
  runs.take("r", [...EVENTS.slice(0, 2), { seq: 3, type: "run.cancelled", data: {} }]);
  expect(runs.node("a").status).toBe("failed");
});
