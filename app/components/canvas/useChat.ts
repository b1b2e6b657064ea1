// The conversation with the flow: what was said, the answer that is coming, and the session it belongs to.

import { useCallback, useEffect, useRef, useState } from "react";
import { ApiProblem } from "./api";
import { useEditor } from "./context";
import { titleOf } from "./describe";
import type { ChatAnswer, ChatMessage, LiveEvent } from "./types";

export interface Facts {
  model: string | null;
  tokens: number;
  costUsd: number | null;
  durationMs: number | null;
  path: string[];
}

export interface Said {
  key: string;
  role: "user" | "assistant";
  text: string;
  runId: string | null;
  pending: boolean;
  speaker?: string;
  facts?: Facts;
  error?: string;
  // What the flow offers as an answer.
  buttons?: string[];
  // The flow said nothing because it waits for somebody.
  waiting?: boolean;
}

export interface Chat {
  messages: Said[];
  busy: boolean;
  loading: boolean;
  // false when the message did not leave: it can be sent again.
  send: (text: string) => Promise<boolean>;
  stop: () => Promise<void>;
  restart: () => void;
  open: (sessionId: string) => void;
  details: (message: Said) => Promise<void>;
}

const sessionKey = (flowId: string) => `prometey.chat.${flowId}`;
const LOOK_EVERY_MS = 4_000;

function stored({ id, role, text, run_id, author, buttons }: ChatMessage): Said {
  const said: Said = { key: id, role, text, runId: run_id, pending: false, buttons: (buttons ?? []).map((each) => each.text) };
  return author && role === "assistant" ? { ...said, speaker: author } : said;
}

// `visible` says that somebody looks: then what people and waiting runs write comes in by itself.
export function useChat(visible: boolean): Chat {
  const { api, flowId, store, runs, types, follow, t } = useEditor();
  const [messages, setMessages] = useState<Said[]>([]);
  const [loading, setLoading] = useState(true);
  const [runId, setRunId] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const session = useRef<string | null>(localStorage.getItem(sessionKey(flowId)));
  const stream = useRef<AbortController | null>(null);
  // Stored messages that are shown already; null while an answer is coming.
  const known = useRef<Set<string> | null>(null);

  const patch = useCallback((key: string, change: (message: Said) => Said) => {
    setMessages((all) => all.map((message) => (message.key === key ? change(message) : message)));
  }, []);
  const load = useCallback(
    (sessionId: string | null) => {
      session.current = sessionId;
      setMessages([]);
      if (sessionId === null) return setLoading(false);
      setLoading(true);
      const shown = (found: ChatMessage[]) => {
        if (session.current !== sessionId) return;
        known.current = new Set(found.map((each) => each.id));
        setMessages(found.map(stored));
      };
      api
        .chatMessages(sessionId)
        .then(shown, () => localStorage.removeItem(sessionKey(flowId)))
        .finally(() => setLoading(false));
    },
    [api, flowId],
  );
  useEffect(() => {
    load(session.current);
    return () => stream.current?.abort();
  }, [load]);

  const look = useCallback(async () => {
    const sessionId = session.current;
    if (sessionId === null || document.hidden) return;
    const before = known.current;
    const found = await api.chatMessages(sessionId).catch(() => null); // the next look may reach the server
    if (found === null || session.current !== sessionId || known.current !== before) return;
    const fresh = before === null ? [] : found.filter((each) => !before.has(each.id));
    known.current = new Set(found.map((each) => each.id));
    if (fresh.length > 0) setMessages((all) => [...all, ...fresh.map(stored)]);
  }, [api]);
  useEffect(() => {
    if (!visible || busy) return;
    void look();
    const timer = setInterval(() => void look(), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [visible, busy, look]);

  const send = async (text: string): Promise<boolean> => {
    const key = crypto.randomUUID();
    const mine: Said = { key: `${key}-mine`, role: "user", text, runId: null, pending: false };
    const answer: Said = { key, role: "assistant", text: "", runId: null, pending: true };
    setMessages((all) => [...all, mine, answer]);
    setBusy(true);
    known.current = null;
    const began = performance.now();
    let left = false;
    const fail = (error: unknown) => patch(key, (said) => ({ ...said, pending: false, error: sentence(error) }));
    const sentence = (error: unknown) => (error instanceof ApiProblem ? [error.detail, ...(error.problems ?? []).map((each) => each.message)].join(" ") : t("chat.lost"));
    try {
      await store.flush();
      const abort = new AbortController();
      stream.current = abort;
      await api.streamChat(
        { flow_id: flowId, message: text, session_id: session.current },
        (event, data) => {
          if (event === "chat.started") {
            left = true;
            const started = data as { session_id: string; run_id: string };
            session.current = started.session_id;
            localStorage.setItem(sessionKey(flowId), started.session_id);
            setRunId(started.run_id);
            follow(started.run_id, null, "chat");
            patch(key, (said) => ({ ...said, runId: started.run_id }));
          } else if (event === "chat.finished") patch(key, (said) => finished(said, data as ChatAnswer, performance.now() - began));
          else live(key, data as LiveEvent);
        },
        abort.signal,
      );
      patch(key, (said) => (said.pending ? { ...said, pending: false, error: t("chat.lost") } : said));
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) fail(error);
    } finally {
      setBusy(false);
      setRunId(null);
    }
    return left;
  };

  const live = (key: string, event: LiveEvent) => {
    const current = runs.current();
    if (current !== null) runs.take(current.id, [event], "chat");
    if (event.type !== "step.delta" || event.node === undefined) return;
    const node = (store.getSnapshot().flow.nodes ?? []).find((each) => each.id === event.node);
    const speaker = node === undefined ? event.node : titleOf(node, types.get(node.type));
    const piece = event.data?.text ?? "";
    patch(key, (said) => ({ ...said, text: said.speaker === speaker || said.text === "" ? said.text + piece : `${said.text}\n\n${piece}`, speaker }));
  };
  const finished = (said: Said, answer: ChatAnswer, durationMs: number): Said => {
    const facts = { model: answer.model, tokens: answer.tokens, costUsd: answer.cost_usd, durationMs, path: answer.path };
    const done: Said = { ...said, text: answer.response || (answer.error ? said.text : ""), pending: false, facts };
    const buttons = (answer.messages.at(-1)?.buttons ?? []).map((each) => each.text);
    if (buttons.length > 0) done.buttons = buttons;
    done.waiting = answer.status === "waiting";
    if (answer.error) done.error = answer.error.message;
    else if (answer.status === "cancelled") done.error = t("chat.stopped");
    return done;
  };
  const stop = async () => {
    if (runId === null) return stream.current?.abort();
    await api.cancelRun(runId).catch(() => undefined); // it has ended meanwhile: nothing to stop
  };
  const details = async ({ key, runId: id }: Said) => {
    if (id === null) return;
    const [run, steps] = await Promise.all([api.getRun(id), api.getSteps(id)]);
    runs.show(run, steps);
    const model = steps.findLast((step) => step.usage?.model)?.usage?.model ?? null;
    const tokens = (run.usage?.prompt_tokens ?? 0) + (run.usage?.completion_tokens ?? 0);
    const path = steps.filter((step) => step.status === "succeeded").map((step) => step.node);
    patch(key, (said) => ({ ...said, facts: { model, tokens, costUsd: run.usage?.cost_usd ?? null, durationMs: run.duration_ms, path } }));
  };
  const restart = () => {
    stream.current?.abort();
    localStorage.removeItem(sessionKey(flowId));
    load(null);
  };
  const open = (sessionId: string) => {
    stream.current?.abort();
    localStorage.setItem(sessionKey(flowId), sessionId);
    load(sessionId);
  };
  return { messages, busy, loading, send, stop, restart, open, details };
}
