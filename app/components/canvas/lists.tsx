// Fields of many values: lists of objects (also the ones that make ports), names with values, assignments.

import { ArrowDown, ArrowUp, Plus, Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import { ConditionField } from "./ConditionField";
import { useEditor } from "./context";
import { isObject } from "./describe";
import { Frame, Select, type FieldProps } from "./fields";
import { SchemaForm } from "./SchemaForm";
import { ReferencePicker } from "./references";
import { ValueField } from "./ValueField";
import type { Json, JsonObject, Schema } from "./types";
import { IconButton } from "./ui";

function freshItemId(items: readonly Json[], stem: string): string {
  const taken = new Set(items.map((item) => (isObject(item) ? item["id"] : null)));
  let number = items.length + 1;
  while (taken.has(`${stem}_${number}`)) number += 1;
  return `${stem}_${number}`;
}

function emptyItem(schema: Schema, items: readonly Json[], stem: string): JsonObject {
  const item: JsonObject = {};
  for (const [name, part] of Object.entries(schema.properties ?? {})) {
    if (name === "id") item["id"] = freshItemId(items, stem);
    else if (part.widget === "condition") item[name] = { left: "", op: "eq", right: "" };
    else if (schema.required?.includes(name)) item[name] = part.type === "array" ? [] : part.type === "object" ? {} : "";
  }
  return item;
}

// cases → case, classes → class, buttons → button: ids a person can read.
const singular = (name: string) => name.replace(/(ss)es$/, "$1").replace(/([^s])s$/, "$1");

export function ListField(props: FieldProps): ReactNode {
  const { path, schema, value, onChange, problems, nodeId } = props;
  const { t } = useEditor();
  const items = Array.isArray(value) ? value : [];
  const of = schema.items ?? {};
  if (typeof value === "string") return <ValueField {...props} />;
  const put = (index: number, item: Json | undefined) => onChange(item === undefined ? items.filter((_each, at) => at !== index) : items.map((each, at) => (at === index ? item : each)));
  const move = (index: number, by: number) => {
    const next = [...items];
    const [item] = next.splice(index, 1);
    if (item !== undefined) next.splice(index + by, 0, item);
    onChange(next);
  };
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems.filter((each) => each.param === path)}>
      {() => (
        <div className="pm-list">
          {items.map((item, index) => (
            <section key={index} className="pm-list-item" data-testid={`item-${path}-${index}`}>
              <div className="pm-list-tools">
                <span>{index + 1}</span>
                <IconButton label={t("list.up")} disabled={index === 0} onClick={() => move(index, -1)}>
                  <ArrowUp size={13} />
                </IconButton>
                <IconButton label={t("list.down")} disabled={index === items.length - 1} onClick={() => move(index, 1)}>
                  <ArrowDown size={13} />
                </IconButton>
                <IconButton label={t("list.remove")} onClick={() => put(index, undefined)}>
                  <Trash2 size={13} />
                </IconButton>
              </div>
              <SchemaForm
                schema={of}
                value={isObject(item) ? item : {}}
                prefix={`${path}[${index}].`}
                problems={problems}
                {...(nodeId === undefined ? {} : { nodeId })}
                onChange={(name, next) => {
                  const { [name]: _old, ...rest } = isObject(item) ? item : {};
                  put(index, next === undefined ? rest : { ...(isObject(item) ? item : {}), [name]: next });
                }}
              />
            </section>
          ))}
          <button type="button" className="pm-button" data-look="quiet" data-testid={`add-${path}`} onClick={() => onChange([...items, emptyItem(of, items, singular(path.split(".").at(-1) ?? "item"))])}>
            <Plus size={14} /> {t("list.add")}
          </button>
        </div>
      )}
    </Frame>
  );
}

export function WhenField({ path, schema, value, onChange, problems, nodeId }: FieldProps): ReactNode {
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems.filter((each) => each.param === path)}>
      {() => <ConditionField path={path} value={value} onChange={onChange} problems={problems} nodeId={nodeId ?? ""} />}
    </Frame>
  );
}

function Row({ name, onName, onRemove, children, label }: { name: string; onName: (name: string) => void; onRemove: () => void; children: ReactNode; label: string }): ReactNode {
  const { t } = useEditor();
  return (
    <div className="pm-row">
      <input className="pm-input" spellCheck={false} aria-label={label} placeholder={label} value={name} onChange={(event) => onName(event.target.value)} />
      {children}
      <button type="button" className="pm-mini-button" aria-label={t("list.remove")} title={t("list.remove")} onClick={onRemove}>
        <Trash2 size={13} />
      </button>
    </div>
  );
}

// A renamed key keeps its place among the others.
function renamed(value: JsonObject, from: string, to: string): JsonObject | null {
  if (to !== from && to in value) return null;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name === from ? to : name, each]));
}

function freshName(value: JsonObject, stem: string): string {
  let number = Object.keys(value).length + 1;
  while (`${stem}${number}` in value) number += 1;
  return `${stem}${number}`;
}

export function KeyValueField(props: FieldProps): ReactNode {
  const { path, schema, value, onChange, problems, nodeId } = props;
  const { t } = useEditor();
  if (value !== undefined && value !== null && !isObject(value)) return <ValueField {...props} />;
  const pairs = isObject(value) ? value : {};
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems}>
      {() => (
        <div className="pm-list">
          {Object.entries(pairs).map(([name, each], index) => (
            <Row
              key={index}
              label={t("keyvalue.name")}
              name={name}
              onName={(to) => {
                const next = renamed(pairs, name, to);
                if (next !== null) onChange(next);
              }}
              onRemove={() => onChange(Object.fromEntries(Object.entries(pairs).filter(([key]) => key !== name)))}
            >
              <ScopedInput label={t("keyvalue.value")} value={each} nodeId={nodeId} onChange={(next) => onChange({ ...pairs, [name]: next })} />
            </Row>
          ))}
          <button type="button" className="pm-button" data-look="quiet" data-testid={`add-${path}`} onClick={() => onChange({ ...pairs, [freshName(pairs, "name")]: "" })}>
            <Plus size={14} /> {t("list.add")}
          </button>
        </div>
      )}
    </Frame>
  );
}

// One line: a text, a template, or JSON as it stands for values that are no text.
function ScopedInput({ value, onChange, nodeId, label }: { value: Json; onChange: (value: Json) => void; nodeId: string | undefined; label: string }): ReactNode {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const change = (next: string) => {
    if (typeof value === "string") return onChange(next);
    try {
      onChange(JSON.parse(next) as Json);
    } catch {
      onChange(next); // no JSON any more: it is a text now
    }
  };
  return (
    <span className="pm-scoped">
      <input className="pm-input" data-template="true" spellCheck={false} aria-label={label} placeholder={label} value={text} onChange={(event) => change(event.target.value)} />
      {nodeId !== undefined && <ReferencePicker nodeId={nodeId} onPick={(piece) => onChange(text + piece)} />}
    </span>
  );
}

type How = "set" | "plus" | "append";

function howOf(value: Json): How {
  if (!isObject(value) || Object.keys(value).length !== 1) return "set";
  return "plus" in value ? "plus" : "append" in value ? "append" : "set";
}

// State values, set from top to bottom: to a value, by a number, or with one more item.
export function AssignField({ path, schema, value, onChange, problems, nodeId }: FieldProps): ReactNode {
  const { t } = useEditor();
  const pairs = isObject(value) ? value : {};
  const inner = (each: Json): Json => (howOf(each) === "set" ? each : (each as JsonObject)[howOf(each)] ?? "");
  const put = (name: string, how: How, next: Json) => {
    const number = how === "plus" && typeof next === "string" && /^-?\d+(\.\d+)?$/.test(next.trim()) ? Number(next) : next;
    onChange({ ...pairs, [name]: how === "set" ? next : { [how]: number } });
  };
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems}>
      {() => (
        <div className="pm-list">
          {Object.entries(pairs).map(([name, each], index) => (
            <Row
              key={index}
              label={t("assign.name")}
              name={name.replace(/^state\./, "")}
              onName={(to) => {
                const next = renamed(pairs, name, `state.${to}`);
                if (next !== null) onChange(next);
              }}
              onRemove={() => onChange(Object.fromEntries(Object.entries(pairs).filter(([key]) => key !== name)))}
            >
              <Select aria-label={t("assign.how")} value={howOf(each)} options={(["set", "plus", "append"] as const).map((how) => ({ value: how, label: t(`assign.${how}`) }))} onChange={(how) => put(name, how as How, inner(each))} />
              <ScopedInput label={t("keyvalue.value")} value={inner(each)} nodeId={nodeId} onChange={(next) => put(name, howOf(each), next)} />
            </Row>
          ))}
          <button type="button" className="pm-button" data-look="quiet" data-testid={`add-${path}`} onClick={() => onChange({ ...pairs, [freshName(pairs, "state.value")]: "" })}>
            <Plus size={14} /> {t("assign.add")}
          </button>
        </div>
      )}
    </Frame>
  );
}

