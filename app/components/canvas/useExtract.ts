// Makes the selection a flow of its own, stores and publishes it, and calls it from here.

import { useCallback } from "react";
import { ApiProblem } from "./api";
import { useEditor } from "./context";
import { titleOf } from "./describe";
import { extracted } from "./extract";
import type { CanvasModel } from "./useCanvas";

export function useExtract(model: CanvasModel, onSelect: (ids: string[]) => void): (ids: string[]) => void {
  const { store, types, api, say, t } = useEditor();
  const { select, glide } = model;
  return useCallback(
    (ids) => {
      const run = async () => {
        const { flow } = store.getSnapshot();
        const first = (flow.nodes ?? []).find((node) => ids.includes(node.id) && !types.get(node.type)?.trigger);
        const name = t("extract.name", { flow: flow.name || t("flow.untitled"), node: first === undefined ? "" : titleOf(first, types.get(first.type)) });
        const made = extracted(flow, types, ids, name.slice(0, 120));
        if (typeof made === "string") return say(t(made));
        const stored = await api.importFlow(made.flow);
        let published = true;
        try {
          await api.publish(stored.id, { note: "", require_tests: false });
        } catch (error) {
          if (!(error instanceof ApiProblem)) throw error;
          published = false;
        }
        // Somebody may have edited meanwhile: what is taken out is what stands there now.
        const now = extracted(store.getSnapshot().flow, types, ids, name.slice(0, 120));
        if (typeof now === "string") return say(t(now));
        glide();
        select([now.id]);
        if (!store.dispatch(now.op(stored.id))) return say(t("extract.changed"));
        onSelect([now.id]);
        say(t(published ? "extract.done" : "extract.unpublished", { name }));
      };
      run().catch((error: unknown) => say(error instanceof ApiProblem ? error.detail : t("extract.unreachable")));
    },
    [store, types, api, say, t, select, glide, onSelect],
  );
}
