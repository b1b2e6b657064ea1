// The editor's reducer behind lines of JSON: {"flow", "op"} in, {"after", "back"} or {"refused"} out.

import { createInterface } from "node:readline";
import { invert } from "../../app/components/canvas/inverses";
import { apply, OperationRefused } from "../../app/components/canvas/reducer";
import type { Flow, Op } from "../../app/components/canvas/types";

for await (const line of createInterface({ input: process.stdin })) {
  const { flow, op } = JSON.parse(line) as { flow: Flow; op: Op };
  const before = JSON.stringify(flow);
  let answer: unknown;
  try {
    const back = invert(flow, op);
    const after = apply(flow, op);
    answer = { after, back, restored: apply(after, back), untouched: JSON.stringify(flow) === before };
  } catch (error) {
    if (!(error instanceof OperationRefused)) throw error;
    answer = { refused: error.code };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
