// The shapes the editor works with: the flow/1 document, the node catalogue, operations and what a run reports.
// They mirror the API; what the API may leave out is optional here.

import type { PeopleItem } from "./people";

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };
export type Kind = "agent" | "rule" | "sequence" | "task";

export interface Policy {
  timeout_s?: number | null;
  retry?: { max?: number; backoff_s?: number; jitter?: boolean };
  on_error?: "fail" | "default" | "port";
  default?: Json;
  cache?: { ttl_s: number } | null;
  mock?: Json;
}

export interface FlowNode {
  id: string;
  type: string;
  v?: number;
  title?: string;
  note?: string;
  enabled?: boolean;
  params?: JsonObject;
  policy?: Policy;
  parent?: string | null;
}

export interface FlowEdge {
  id: string;
  source: string;
  source_port?: string;
  target: string;
  target_port?: string;
}

export interface Position {
  x: number;
  y: number;
}

// Where a node stands. A container's frame may be wider and higher than its body asks for.
export interface Place extends Position {
  width?: number;
  height?: number;
}

export interface Note extends Partial<Position> {
  id: string;
  text?: string;
  width?: number;
  height?: number;
  color?: string;
}

export interface Group {
  id: string;
  title?: string;
  nodes?: string[];
  color?: string;
}

export interface View {
  nodes?: { [id: string]: Place };
  notes?: Note[];
  groups?: Group[];
}

export interface Flow {
  schema: "flow/1";
  kind?: Kind;
  name?: string;
  description?: string;
  inputs?: JsonObject;
  state?: JsonObject;
  settings?: JsonObject;
  nodes?: FlowNode[];
  edges?: FlowEdge[];
  requires?: JsonObject;
  tests?: JsonObject[];
  view?: View;
}

// One edit. `restore` marks an inverse that may bring back what an imported file already had.
export type Op =
  | { op: "node.add"; node: FlowNode; index?: number; position?: Place; restore?: boolean }
  | { op: "node.remove"; id: string; restore?: boolean }
  // A size that is not named stays; null takes it away.
  | { op: "node.move"; id: string; x: number; y: number; width?: number | null; height?: number | null; restore?: boolean }
  | { op: "node.move"; id: string; unset: true; restore?: boolean }
  | { op: "node.set_param"; id: string; name: string; value: Json; index?: number }
  | { op: "node.set_param"; id: string; name: string; unset: true }
  | { op: "node.set_policy"; id: string; name: keyof Policy; value: Json }
  | { op: "node.set_policy"; id: string; name: keyof Policy; unset: true }
  | { op: "node.set_title"; id: string; title: string }
  | { op: "node.set_note"; id: string; note: string }
  | { op: "node.set_enabled"; id: string; enabled: boolean }
  | { op: "node.rename_id"; id: string; new_id: string }
  | { op: "node.reparent"; id: string; parent: string | null; restore?: boolean }
  | { op: "edge.add"; edge: FlowEdge; index?: number; restore?: boolean }
  | { op: "edge.remove"; id: string }
  | { op: "note.add"; note: Note; index?: number }
  | { op: "note.update"; id: string; fields: Partial<Omit<Note, "id">> }
  | { op: "note.remove"; id: string }
  | { op: "group.add"; group: Group; index?: number }
  | { op: "group.update"; id: string; fields: Partial<Omit<Group, "id">> }
  | { op: "group.remove"; id: string }
  | { op: "flow.set"; name: FlowField; value: Json }
  | { op: "batch"; ops: Op[] };

export type FlowField = "name" | "description" | "kind" | "inputs" | "state" | "settings" | "requires" | "tests";

export interface Problem {
  code: string;
  severity: "error" | "warning";
  node: string | null;
  edge: string | null;
  param: string | null;
  range: [number, number] | null;
  message: string;
}

// One accepted edit as the server numbers it. `op` may be of a kind this editor does not know.
export interface Edit {
  revision: number;
  op_id: string;
  client_id: string;
  actor: { id: string | null; name: string };
  op: Op | { op: string };
  at: string;
  // The newest revision its author had seen, where that is known.
  base?: number | null;
}

export interface FlowView {
  id: string;
  kind: Kind;
  name: string;
  description: string;
  revision: number;
  published_version: number | null;
  updated_at: string;
  document: Flow;
  problems: Problem[];
}

export interface SubmitAnswer {
  revision: number;
  problems: Problem[];
  accepted: string[];
  rejected: { op_id: string; code: string; detail: string }[];
  // Those after a rejected one: they were not looked at.
  deferred: string[];
  operations: Edit[];
}

export interface Port {
  id: string;
  label: string;
}

// A JSON Schema as the catalogue writes param schemas: no $ref, translated titles, hints under x-*.
export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: Json;
  enum?: Json[];
  const?: Json;
  properties?: { [name: string]: Schema };
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  additionalProperties?: boolean | Schema;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  format?: string;
  nullable?: boolean;
  widget?: string;
  examples?: Json[];
  "x-template"?: "text" | "value" | "condition";
  "x-labels"?: { [value: string]: string };
  "x-advanced"?: boolean;
  "x-when"?: { [param: string]: Json | Json[] };
}

export interface NodeType {
  key: string;
  version: number;
  category: string;
  icon: string;
  effects: string;
  tool: boolean;
  trigger: boolean;
  has_input: boolean;
  passes_input: boolean;
  title: string;
  summary: string;
  sentence: string;
  params_schema: Schema;
  output_schema: Schema | null;
  ports: Port[];
  port_list: { param: string; id_field: string; label_field: string } | null;
  // Where the body of a container begins, and the port by which it leaves in the end.
  container: { port: string; done: string } | null;
  defaults: JsonObject;
}

export interface ModelInfo {
  id: string;
  label: string;
  provider: string;
  demo: boolean;
  input_cost?: number | null;
  output_cost?: number | null;
  context?: number | null;
  available?: boolean;
}

export interface Catalog {
  hash: string;
  categories: { id: string; title: string }[];
  nodes: NodeType[];
  models: ModelInfo[];
  strings: { [key: string]: string };
}

export interface ErrorValue {
  kind: string;
  code: string;
  message: string;
  retryable?: boolean;
  attempts?: number;
  node?: string | null;
  param?: string | null;
  context?: JsonObject;
}

export type RunStatus = "queued" | "running" | "waiting" | "succeeded" | "failed" | "cancelled";
export type StepStatus = "idle" | "running" | "succeeded" | "failed" | "skipped" | "waiting";

export interface Usage {
  model?: string;
  prompt_tokens?: number;
  completion_tokens?: number;
  cost_usd?: number | null;
}

export interface RunView {
  id: string;
  flow_id: string | null;
  version: number | null;
  status: RunStatus;
  input: Json;
  output: Json;
  error: ErrorValue | null;
  usage: Usage;
  messages: JsonObject[];
  source: string;
  simulate: boolean;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  duration_ms: number | null;
}

export interface StepView {
  node: string;
  path: string;
  status: StepStatus;
  input: Json;
  output: Json;
  error: ErrorValue | null;
  usage: Usage | null;
  ports: string[];
  started_at: string | null;
  duration_ms: number | null;
  attempts: number;
  // What the step of a simulated run would have done.
  effects?: JsonObject[];
}

// What a run reports while it goes. Deltas carry seq 0: they are transient.
export interface LiveEvent {
  seq: number;
  type: string;
  node?: string;
  path?: string;
  data?: {
    text?: string;
    ports?: string[];
    output?: Json;
    error?: ErrorValue | null;
    usage?: Usage | null;
    duration_ms?: number;
    attempts?: number;
    effects?: JsonObject[];
    [name: string]: unknown;
  };
}

export interface ChatMessage {
  id: string;
  role: "user" | "assistant";
  text: string;
  // The person who wrote it; empty for the flow.
  author?: string;
  buttons?: { text: string }[];
  run_id: string | null;
  created_at: string;
}

export interface ChatAnswer {
  session_id: string;
  run_id: string;
  response: string;
  messages: ChatMessage[];
  model: string | null;
  tokens: number;
  cost_usd: number | null;
  path: string[];
  status: RunStatus;
  error: ErrorValue | null;
}

// What the page's state pushes to the editor.
export type LiveItem =
  | { kind: "status"; run_id: string; events: LiveEvent[] }
  | { kind: "operations"; operations: Edit[] }
  | { kind: "problems"; revision: number; problems: Problem[] }
  | { kind: "run"; run_id: string }
  | { kind: "gap" }
  | PeopleItem;

export interface Live {
  seq: number;
  items: LiveItem[];
}

export interface TestResult {
  name: string;
  passed: boolean;
  run_id: string;
  mismatches: { what: string; expected: Json; found: Json }[];
}

// `uncovered_branches` are "node.port".
export interface TestReport {
  passed: number;
  failed: number;
  results: TestResult[];
  uncovered_nodes: string[];
  uncovered_branches: string[];
}
