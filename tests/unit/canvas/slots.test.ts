import { expect, test } from "bun:test";
import { ApiProblem } from "../../../app/components/canvas/api";
import { breaking, consequences } from "../../../app/components/canvas/breaking";
import { apply } from "../../../app/components/canvas/reducer";
import { namingSlot } from "../../../app/components/canvas/slots";
import { curlLine } from "../../../app/components/canvas/curl";
import type { Flow } from "../../../app/components/canvas/types";

const FLOW: Flow = {
  schema: "flow/1",
  nodes: [
    { id: "one", type: "http.request", params: { credential: "shop" } },
    { id: "two", type: "http.request", params: {} },
  ],
  requires: { credentials: [{ slot: "shop", kind: "bearer" }, { slot: "openai", kind: "llm" }], kommo: { a: 1 } },
};
const slots = (flow: Flow) => (flow.requires!["credentials"] as { slot: string }[]).map(({ slot }) => slot);

test("a named slot is required, once, and what else the flow requires stays", () => {
  const crm = apply(FLOW, namingSlot(FLOW, FLOW.nodes![1]!, "credential", "crm", "crm", "basic"));
  expect(crm.requires).toEqual({ credentials: [...(FLOW.requires!["credentials"] as []), { slot: "crm", kind: "basic" }], kommo: { a: 1 } });
  const shop = apply(FLOW, namingSlot(FLOW, FLOW.nodes![1]!, "credential", "shop", "shop", "bearer"));
  expect(slots(shop)).toEqual(["shop", "openai"]);
});

test("a slot that nothing names any more is no longer required, one that another node names is", () => {
  const freed = apply(FLOW, namingSlot(FLOW, FLOW.nodes![0]!, "credential", undefined, "", ""));
  expect(slots(freed)).toEqual(["openai"]);
  const both = apply(FLOW, namingSlot(FLOW, FLOW.nodes![1]!, "credential", "shop", "shop", "bearer"));
  const left = apply(both, namingSlot(both, both.nodes![0]!, "credential", undefined, "", ""));
  expect(slots(left)).toEqual(["shop", "openai"]);
});

test("the slot of a webhook's proof lies deeper in its params", () => {
  const node = { id: "hook", type: "trigger.webhook", params: { auth: { kind: "hmac", credential: "old" } } };
  const flow: Flow = { schema: "flow/1", nodes: [node], requires: { credentials: [{ slot: "old", kind: "hmac" }] } };
  const changed = apply(flow, namingSlot(flow, node, "auth", { kind: "bearer", credential: "new" }, "new", "bearer"));
  expect(changed.requires).toEqual({ credentials: [{ slot: "new", kind: "bearer" }] });
  expect(changed.nodes![0]!.params).toEqual({ auth: { kind: "bearer", credential: "new" } });
});

test("the line for a terminal holds what the webhook asks for, and no secret", () => {
  expect(curlLine("http://x/api/hooks/1/in", "GET", "none")).toBe("curl -sS 'http://x/api/hooks/1/in'");
  expect(curlLine("http://x", "POST", "bearer")).toContain('-H "authorization: Bearer $TOKEN"');
  expect(curlLine("http://x", "POST", "hmac")).toContain("openssl dgst -sha256 -hmac");
});

test("only a conflict that lists what breaks asks for acceptance", () => {
  const callers = [{ id: "1", name: "Shop", version: 3 }, { id: "1", name: "Shop", version: null }, { id: null, name: "" }];
  const listed = [{ code: "publish.input_required", message: "Needs more", needs_acceptance: true, callers }];
  const refused = new ApiProblem(409, "flow.breaks_callers", "", {}, listed as never);
  const told = { code: "publish.input_required", message: "Needs more", callers: ["Shop v3", "Shop"], needed: true };
  expect(breaking(refused)).toEqual([told]);
  expect(consequences([{ code: "publish.runs_wait", message: "Two wait", callers: [] }])[0]!.needed).toBe(false);
  expect(breaking(new ApiProblem(409, "conflict", ""))).toEqual([]);
  expect(breaking(new ApiProblem(422, "flow.has_problems", "", {}, listed as never))).toEqual([]);
});
