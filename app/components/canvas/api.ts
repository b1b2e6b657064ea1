// The product's API as the editor uses it: by the page's cookie, with problems as errors that carry their sentence.

import { events } from "./eventStream";
import type {
  Catalog, ChatMessage, Edit, Flow, FlowView, Json, JsonObject, LiveEvent, Op, Problem, RunView, StepView, SubmitAnswer, TestReport,
} from "./types";

// The server did not answer, or could not: asking again later may help.
export class Offline extends Error {}

// The server refused, and says why in the reader's language.
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly context: JsonObject = {},
    readonly problems: readonly Problem[] | null = null,
  ) {
    super(detail);
  }
}

export interface VersionView {
  version: number;
  note: string;
  author: string;
  created_at: string;
}

export interface ChangeView {
  path: string;
  before: Json;
  after: Json;
}

interface PartsDiff {
  added: JsonObject[];
  removed: JsonObject[];
  changed: { id: string; changes: ChangeView[] }[];
}

export interface DiffView {
  same_meaning: boolean;
  flow: ChangeView[];
  nodes: PartsDiff;
  edges: PartsDiff;
}

export interface PublishRequest {
  note: string;
  require_tests: boolean;
  // Publish although callers or waiting runs may no longer fit.
  accept_breaking?: boolean;
}

export interface CredentialView {
  id: string;
  name: string;
  kind: string;
}

export interface ConversationView {
  id: string;
  session_id: string;
  title: string;
  updated_at: string;
}

export interface ChatRequest {
  flow_id: string;
  message: string;
  session_id: string | null;
}

// `base` is the newest revision its author had seen.
export interface Sent {
  op_id: string;
  op: Op;
  base: number;
}

interface ProblemBody {
  code?: string;
  detail?: string;
  title?: string;
  context?: JsonObject & { problems?: Problem[] };
  problems?: Problem[];
}

const JSON_TYPE = { "content-type": "application/json" };
const BACKOFF_MS = [250, 500, 1_000, 2_000, 4_000, 8_000];

async function problem(response: Response): Promise<Error> {
  const body = (await response.json().catch(() => ({}))) as ProblemBody;
  if (response.status >= 500 && body.code === undefined) return new Offline(`HTTP ${response.status}`);
  const context = body.context ?? {};
  return new ApiProblem(
    response.status,
    body.code ?? `http.${response.status}`,
    body.detail ?? body.title ?? response.statusText,
    context,
    body.problems ?? context.problems ?? null,
  );
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Offline(error instanceof Error ? error.message : String(error));
  }
  if (!response.ok) throw await problem(response);
  return response;
}

async function get<T>(path: string): Promise<T> {
  return (await (await ask(path)).json()) as T;
}

async function post<T>(path: string, body: unknown, init: RequestInit = {}): Promise<T> {
  const response = await ask(path, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body), ...init });
  return (await response.json()) as T;
}

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

export class Api {
  getFlow = (flowId: string) => get<FlowView>(`/api/flows/${flowId}`);
  listFlows = () => get<{ items: { id: string; name: string }[] }>("/api/flows?limit=100");
  importFlow = (document: Flow) => post<FlowView>("/api/flows/import", document);
  getCatalog = (locale: string) => get<Catalog>(`/api/catalog?locale=${encodeURIComponent(locale)}`);
  exportUrl = (flowId: string) => `/api/flows/${flowId}/export`;

  operationsSince = (flowId: string, revision: number) =>
    get<{ revision: number; operations: Edit[] }>(`/api/flows/${flowId}/operations?since=${revision}`);

  // `keepalive` lets the request outlive the page.
  submit(flowId: string, clientId: string, baseRevision: number, operations: Sent[], keepalive = false): Promise<SubmitAnswer> {
    const body = { client_id: clientId, base_revision: baseRevision, operations, in_order: true };
    return post(`/api/flows/${flowId}/operations`, body, keepalive ? { keepalive } : {});
  }

  // Who changed what, the newest first.
  recentEdits = (flowId: string, before?: number) =>
    get<{ operations: Edit[]; more: boolean }>(`/api/flows/${flowId}/operations/recent${before === undefined ? "" : `?before=${before}`}`);

  publish = (flowId: string, body: PublishRequest) => post<VersionView>(`/api/flows/${flowId}/publish`, body);
  // What publishing now would do to others; servers that cannot tell answer 404.
  publishPreview = (flowId: string) => get<{ consequences: unknown }>(`/api/flows/${flowId}/publish/preview`);
  compare = (flowId: string, before: number | "draft", after: number | "draft") => get<DiffView>(`/api/flows/${flowId}/versions/${before}...${after}`);
  versions = (flowId: string) => get<VersionView[]>(`/api/flows/${flowId}/versions`);

  credentials = () => get<CredentialView[]>("/api/credentials");
  moments = (cron: string, timezone: string) => get<string[]>(`/api/schedules/moments?${new URLSearchParams({ cron, timezone })}`);

  startRun = (flowId: string, body: { input: JsonObject; simulate: boolean }) => post<RunView>(`/api/flows/${flowId}/runs`, { ...body, draft: true });
  listRuns = (flowId: string) => get<RunView[]>(`/api/flows/${flowId}/runs`);
  getRun = (runId: string) => get<RunView>(`/api/runs/${runId}`);
  getSteps = (runId: string) => get<StepView[]>(`/api/runs/${runId}/steps`);
  cancelRun = (runId: string) => post<RunView>(`/api/runs/${runId}/cancel`, {});

  runTests = (flowId: string) => post<TestReport>(`/api/flows/${flowId}/tests/run`, {});
  makeTest = (runId: string, name: string) => post<JsonObject>(`/api/runs/${runId}/test`, { name });

  chatMessages = (sessionId: string) => get<ChatMessage[]>(`/api/chat/${encodeURIComponent(sessionId)}/messages`);
  conversations = (flowId: string) => get<ConversationView[]>(`/api/flows/${flowId}/conversations`);

  // Follows a run to its end. A stream that breaks is taken up again after the last numbered event.
  async streamRun(runId: string, after: number, onEvent: (event: LiveEvent) => void, signal: AbortSignal): Promise<void> {
    let last = after;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const headers = { accept: "text/event-stream", ...(last > 0 ? { "last-event-id": String(last) } : {}) };
        const response = await ask(`/api/runs/${runId}/events`, { headers, signal });
        for await (const { data } of events(response)) {
          const event = JSON.parse(data) as LiveEvent;
          failures = 0;
          if (event.seq > 0) last = event.seq;
          onEvent(event);
          if (/^run\.(succeeded|failed|cancelled)$/.test(event.type)) return;
        }
      } catch (error) {
        if (signal.aborted || (error instanceof ApiProblem && error.status < 500)) return;
      }
      failures += 1;
      await pause(BACKOFF_MS[Math.min(failures, BACKOFF_MS.length) - 1]!, signal);
    }
  }

  // Says something to the flow as it stands. `onEvent` gets chat.started, the run's events and chat.finished.
  async streamChat(body: ChatRequest, onEvent: (event: string, data: unknown) => void, signal: AbortSignal): Promise<void> {
    const headers = { ...JSON_TYPE, accept: "text/event-stream" };
    const response = await ask("/api/chat", { method: "POST", headers, body: JSON.stringify({ ...body, stream: true, draft: true }), signal });
    for await (const { event, data } of events(response)) onEvent(event, JSON.parse(data));
  }
}
