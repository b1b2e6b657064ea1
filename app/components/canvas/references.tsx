// What a template at a node may read: the trigger, nodes before it, state. Picked from a list, written as {{ … }}.

import { Braces } from "lucide-react";
import { useMemo, type ReactNode } from "react";
import { useEditor, useFlow } from "./context";
import { isObject, titleOf, upstream } from "./describe";
import type { Flow, FlowNode, Json, NodeType, Schema } from "./types";
import { Pop } from "./ui";

export interface Reference {
  path: string;
  label: string;
  type: string;
}

interface ReferenceGroup {
  title: string;
  items: Reference[];
}

function typeName(schema: Schema | undefined): string {
  const type = schema?.type;
  return Array.isArray(type) ? (type[0] ?? "") : (type ?? "");
}

// The fields of an object schema, one level into objects it knows.
function fields(prefix: string, schema: Schema | null | undefined): Reference[] {
  const found: Reference[] = [];
  for (const [name, part] of Object.entries(schema?.properties ?? {})) {
    const path = `${prefix}.${name}`;
    found.push({ path, label: name, type: typeName(part) });
    for (const [inner, each] of Object.entries(part.properties ?? {})) {
      found.push({ path: `${path}.${inner}`, label: `${name}.${inner}`, type: typeName(each) });
    }
  }
  return found;
}

function outputOf(flow: Flow, types: ReadonlyMap<string, NodeType>, node: FlowNode): Schema | null {
  const type = types.get(node.type);
  if (type?.key === "trigger.call") return (flow.inputs as Schema | undefined) ?? null;
  const answer = node.params?.["output_schema"];
  if (type?.key === "ai.llm" && isObject(answer)) {
    const known = type.output_schema?.properties ?? {};
    return { properties: { ...known, json: answer as Schema } };
  }
  const output = node.params?.["output"];
  if (type?.key === "logic.set" && isObject(output)) {
    return { properties: Object.fromEntries(Object.keys(output).map((name) => [name, {}])) };
  }
  return type?.output_schema ?? null;
}

export function useReferences(nodeId: string): ReferenceGroup[] {
  const { types, t } = useEditor();
  const { flow } = useFlow();
  return useMemo(() => {
    const nodes = new Map((flow.nodes ?? []).map((node) => [node.id, node]));
    const groups: ReferenceGroup[] = [];
    const before = upstream(flow, nodeId).flatMap((id) => nodes.get(id) ?? []);
    for (const node of before) {
      const type = types.get(node.type);
      if (type?.trigger) {
        const read = [...fields("trigger", outputOf(flow, types, node))];
        const inputs = fields("trigger", flow.inputs as Schema | undefined).filter((each) => !read.some(({ path }) => path === each.path));
        groups.push({ title: titleOf(node, type), items: [...read, ...inputs] });
        continue;
      }
      const items = fields(`nodes.${node.id}`, outputOf(flow, types, node));
      if (items.length > 0) groups.push({ title: titleOf(node, type), items });
    }
    const state = Object.entries(flow.state ?? {}).map(([name, said]) => ({ path: `state.${name}`, label: name, type: stateType(said) }));
    if (state.length > 0) groups.push({ title: t("references.state"), items: state });
    groups.push({ title: t("references.general"), items: [{ path: "input", label: t("references.input"), type: "" }, { path: "run.id", label: t("references.run_id"), type: "string" }, { path: "run.started_at", label: t("references.now"), type: "string" }] });
    return groups;
  }, [flow, nodeId, types, t]);
}

function stateType(said: Json): string {
  return isObject(said) && typeof said["type"] === "string" ? said["type"] : "";
}

export function ReferencePicker({ nodeId, onPick }: { nodeId: string; onPick: (text: string) => void }): ReactNode {
  const { t } = useEditor();
  const groups = useReferences(nodeId);
  const trigger = (
    <button type="button" className="pm-mini-button" title={t("references.insert")} aria-label={t("references.insert")}>
      <Braces size={13} />
    </button>
  );
  return (
    <Pop trigger={trigger} label={t("references.insert")} className="pm-references">
      {(close) =>
        groups.map((group, index) => (
          <section key={index}>
            <h3>{group.title}</h3>
            {group.items.map((item) => (
              <button
                key={item.path}
                type="button"
                className="pm-menu-item"
                onClick={() => {
                  onPick(`{{ ${item.path} }}`);
                  close();
                }}
              >
                <span>{item.label}</span>
                <code>{item.path}</code>
              </button>
            ))}
          </section>
        ))
      }
    </Pop>
  );
}
