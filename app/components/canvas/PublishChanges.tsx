// What differs from the last published version, in the words of the canvas: nodes, fields, connections.

import { useEffect, useState, type ReactNode } from "react";
import type { ChangeView, DiffView } from "./api";
import { useEditor, useFlow } from "./context";
import { titleOf } from "./describe";
import { shortened, type Translate } from "./text";
import type { FlowNode, Json, JsonObject, NodeType } from "./types";

const MOST_SHOWN = 12;
const LONGEST_VALUE = 60;

interface Line {
  sign: "+" | "−" | "•";
  what: string;
  changes: { path: string; before: string; after: string }[];
}

export function PublishChanges(): ReactNode {
  const { api, flowId, store, types, t } = useEditor();
  const { flow, publishedVersion, revision } = useFlow();
  const [diff, setDiff] = useState<DiffView | "failed" | null>(null);
  const [all, setAll] = useState(false);
  useEffect(() => {
    if (publishedVersion === null) return;
    let here = true;
    const asked = store.flush().then(() => api.compare(flowId, publishedVersion, "draft"));
    asked.then((found) => here && setDiff(found), () => here && setDiff("failed"));
    return () => {
      here = false;
    };
  }, [api, flowId, store, publishedVersion, revision]);
  if (publishedVersion === null) return <p className="pm-quiet">{t("publish.first")}</p>;
  const lines = diff === null || diff === "failed" ? [] : linesOf(diff, flow.nodes ?? [], types, t);
  const shown = all ? lines : lines.slice(0, MOST_SHOWN);
  return (
    <section className="pm-publish-part" data-testid="publish-changes" aria-busy={diff === null}>
      <h3>{t("publish.since", { version: publishedVersion })}</h3>
      {diff === null && <div className="pm-skeleton-line" aria-label={t("loading")} />}
      {diff === "failed" && <p className="pm-quiet">{t("publish.since_unknown")}</p>}
      {diff !== null && diff !== "failed" && lines.length === 0 && <p className="pm-quiet">{t("publish.same", { version: publishedVersion })}</p>}
      {diff !== null && diff !== "failed" && lines.length > 0 && diff.same_meaning && <p className="pm-quiet">{t("publish.same_meaning")}</p>}
      <ul className="pm-changes">
        {shown.map((line, index) => (
          <li key={index} data-sign={line.sign}>
            <i aria-hidden>{line.sign}</i>
            <div>
              {line.what}
              {line.changes.map((change, at) => (
                <p key={at}>
                  <span>{change.path}</span> {change.before !== "" && <del>{change.before}</del>} {change.after !== "" && <ins>{change.after}</ins>}
                </p>
              ))}
            </div>
          </li>
        ))}
      </ul>
      {shown.length < lines.length && (
        <button type="button" className="pm-mini-button" onClick={() => setAll(true)}>
          {t("publish.more", { count: lines.length - shown.length })}
        </button>
      )}
    </section>
  );
}

const written = (value: Json): string => (value === null ? "" : shortened(typeof value === "string" ? value : JSON.stringify(value), LONGEST_VALUE));

export function linesOf(diff: DiffView, nodes: readonly FlowNode[], types: ReadonlyMap<string, NodeType>, t: Translate): Line[] {
  const title = (node: FlowNode) => titleOf(node, types.get(node.type));
  const known = new Map([...(diff.nodes.removed as unknown as FlowNode[]), ...nodes].map((node) => [node.id, node]));
  const name = (id: string) => (known.has(id) ? title(known.get(id)!) : id);
  const edge = (part: JsonObject) => `${name(String(part["source"]))} → ${name(String(part["target"]))}`;
  const added: Line[] = (diff.nodes.added as unknown as FlowNode[]).map((node) => ({ sign: "+", what: title(node), changes: [] }));
  const removed: Line[] = (diff.nodes.removed as unknown as FlowNode[]).map((node) => ({ sign: "−", what: title(node), changes: [] }));
  const changed: Line[] = diff.nodes.changed.map(({ id, changes }) => ({ sign: "•", what: name(id), changes: changes.map((each) => change(each, known.get(id), types, t)) }));
  const flow: Line[] = grouped(diff.flow).map((field) => ({ sign: "•", what: t(`publish.part.${field}`), changes: [] }));
  const joined: Line[] = diff.edges.added.map((part) => ({ sign: "+", what: edge(part), changes: [] }));
  const parted: Line[] = diff.edges.removed.map((part) => ({ sign: "−", what: edge(part), changes: [] }));
  const led: Line[] = diff.edges.changed.map(({ id }) => ({ sign: "•", what: t("publish.edge", { id }), changes: [] }));
  return [...added, ...removed, ...changed, ...flow, ...joined, ...parted, ...led];
}

// The flow's own fields, once each, however much of them changed.
const grouped = (changes: readonly ChangeView[]): string[] => [...new Set(changes.map(({ path }) => path.split(".")[0]!))];

function change({ path, before, after }: ChangeView, node: FlowNode | undefined, types: ReadonlyMap<string, NodeType>, t: Translate) {
  const [head = "", param = ""] = path.split(".");
  const schema = node === undefined ? undefined : types.get(node.type)?.params_schema.properties?.[param];
  const shown = head === "params" ? (schema?.title ?? param) : head === "policy" ? t(`policy.${param === "timeout_s" || param === "retry" || param === "on_error" || param === "default" ? param : "title"}`) : t(`publish.field.${head}`);
  const choice = (value: Json) => (typeof value === "string" ? (schema?.["x-labels"]?.[value] ?? written(value)) : written(value));
  return { path: shown, before: choice(before), after: choice(after) };
}
