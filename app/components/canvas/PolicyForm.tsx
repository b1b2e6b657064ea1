// What happens when a node is slow or fails.

import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import { useEditor } from "./context";
import { ChoiceField, NumberField } from "./fields";
import { problemsOfParam } from "./problems";
import { ValueField } from "./ValueField";
import type { FlowNode, Json, Policy, Problem, Schema } from "./types";

const RETRY_DEFAULTS = { max: 0, backoff_s: 1, jitter: true };

export function PolicyForm({ node, problems }: { node: FlowNode; problems: readonly Problem[] }): ReactNode {
  const { store, types, t } = useEditor();
  const policy = node.policy ?? {};
  const type = types.get(node.type);
  if (type?.trigger) return null;
  const set = (name: keyof Policy, value: Json | undefined) => {
    const edit = { op: "node.set_policy" as const, id: node.id, name };
    store.dispatch(value === undefined ? { ...edit, unset: true } : { ...edit, value }, { merge: `${node.id}.policy.${name}` });
  };
  const schema = (name: string, rest: Schema): Schema => ({ title: t(`policy.${name}`), description: t(`policy.${name}.help`), ...rest });
  const shared = (name: string) => ({ path: `policy.${name}`, problems: problemsOfParam(problems, `policy.${name}`), nodeId: node.id });
  const touched = Object.values(policy).some((value) => value !== undefined && value !== null && value !== "fail");
  const choices = { fail: t("policy.on_error.fail"), default: t("policy.on_error.default"), port: t("policy.on_error.port") };
  return (
    <div className="pm-section">
      <details className="pm-details" open={touched || undefined}>
        <summary>
          <ChevronRight size={14} /> {t("policy.title")}
        </summary>
        <div className="pm-form">
          <ChoiceField {...shared("on_error")} schema={schema("on_error", { enum: ["fail", "default", "port"], "x-labels": choices, default: "fail" })} value={policy.on_error} onChange={(value) => set("on_error", value)} />
          {policy.on_error === "default" && <ValueField {...shared("default")} schema={schema("default", {})} value={policy.default} onChange={(value) => set("default", value)} />}
          <NumberField
            {...shared("retry")}
            schema={schema("retry", { type: "integer", default: 0 })}
            value={policy.retry?.max}
            onChange={(value) => set("retry", value === undefined ? undefined : { ...RETRY_DEFAULTS, ...policy.retry, max: value })}
          />
          <NumberField {...shared("timeout_s")} schema={schema("timeout_s", { type: "number" })} value={policy.timeout_s ?? undefined} onChange={(value) => set("timeout_s", value)} />
          {!type?.container && (
            <NumberField
              {...shared("cache")}
              schema={schema("cache", { type: "number" })}
              value={policy.cache?.ttl_s}
              onChange={(value) => set("cache", value === undefined ? undefined : { ttl_s: value })}
            />
          )}
        </div>
      </details>
    </div>
  );
}
