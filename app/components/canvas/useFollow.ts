// Runs on the canvas: what the page's state pushes, and a stream of our own for text and for whatever a lost push left out.

import { useCallback, useEffect, useRef } from "react";
import type { Api } from "./api";
import type { Feed } from "./feed";
import type { People } from "./people";
import { ENDED, type RunStore } from "./runs";
import type { FlowStore } from "./sync";
import type { Live, LiveItem } from "./types";

interface Wiring {
  api: Api;
  store: FlowStore;
  runs: RunStore;
  people: People;
  feed: Feed;
  onRun: ((runId: string) => void) | undefined;
}

// `source` names a stream that brings this run's events already; without one we open our own.
export type Follow = (runId: string, version?: number | null, source?: string) => void;

let streams = 0;

export function useFollow({ api, store, runs, people, feed, onRun }: Wiring): Follow {
  const stream = useRef<AbortController | null>(null);
  const seen = useRef(0);
  const tell = useRef(onRun);
  useEffect(() => {
    tell.current = onRun;
  }, [onRun]);
  const read = useCallback(
    (runId: string) => {
      stream.current?.abort();
      const abort = new AbortController();
      stream.current = abort;
      const source = `stream ${(streams += 1)}`;
      runs.listen(source);
      // It ends with the run; a stream that breaks is taken up again by the client itself.
      api.streamRun(runId, 0, (event) => runs.take(runId, [event], source), abort.signal).catch(() => undefined);
    },
    [api, runs],
  );
  useEffect(() => () => stream.current?.abort(), []);
  const follow = useCallback<Follow>(
    (runId, version = null, source) => {
      runs.begin(runId, version);
      tell.current?.(runId);
      if (source === undefined) return read(runId);
      stream.current?.abort();
      runs.listen(source);
    },
    [runs, read],
  );
  const taken = useCallback(
    (item: LiveItem) => {
      if (item.kind === "status") return runs.take(item.run_id, item.events);
      if (item.kind === "people" || item.kind === "presence") {
        people.receive(item);
        // What happened before anybody listened for us.
        return item.kind === "people" && item.begun ? store.receive({ kind: "gap" }) : undefined;
      }
      if (item.kind !== "run") return store.receive(item);
      const current = runs.current();
      // A run started elsewhere is shown unless one is being watched here.
      if (current !== null && (current.id === item.run_id || !ENDED.has(current.status))) return;
      runs.begin(item.run_id);
      read(item.run_id);
    },
    [runs, store, people, read],
  );
  const arrived = useCallback((live: Live) => {
    if (live.seq === seen.current) return;
    const lost = seen.current !== 0 && live.seq !== seen.current + 1;
    seen.current = live.seq;
    for (const item of live.items) taken(item);
    if (!lost) return;
    store.receive({ kind: "gap" });
    const current = runs.current();
    if (current !== null && !ENDED.has(current.status)) read(current.id);
  }, [taken, store, runs, read]);
  useEffect(() => feed.listen(arrived), [feed, arrived]);
  return follow;
}
