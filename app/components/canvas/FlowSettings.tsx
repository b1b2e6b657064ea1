// What the whole flow is: description, inputs, state.

import { ChevronRight, Plus, Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import { useEditor, useFlow } from "./context";
import { isObject } from "./describe";
import { Frame, Select } from "./fields";
import { JsonField } from "./ValueField";
import type { Json, JsonObject } from "./types";

const TYPES = ["string", "number", "integer", "boolean", "object", "array"];

interface Named {
  title: string;
  help: string;
  add: string;
  path: "inputs" | "state";
  entries: JsonObject;
  onChange: (entries: JsonObject) => void;
  extra?: (name: string, entry: JsonObject, put: (entry: JsonObject) => void) => ReactNode;
}

function freshName(entries: JsonObject): string {
  let number = Object.keys(entries).length + 1;
  while (`field_${number}` in entries) number += 1;
  return `field_${number}`;
}

// Names with a type each: the flow's inputs and its state.
function NamedTypes({ title, help, add, path, entries, onChange, extra }: Named): ReactNode {
  const { t } = useEditor();
  return (
    <Frame path={path} label={title} help={help} problems={[]}>
      {() => (
        <div className="pm-list">
          {Object.entries(entries).map(([name, said], index) => {
            const entry = isObject(said) ? said : {};
            const put = (next: JsonObject) => onChange({ ...entries, [name]: next });
            return (
              <div key={index} className="pm-row">
                <input
                  className="pm-input pm-mono"
                  spellCheck={false}
                  aria-label={t("flow.field_name")}
                  value={name}
                  onChange={(event) => {
                    const to = event.target.value;
                    if (to in entries) return;
                    onChange(Object.fromEntries(Object.entries(entries).map(([key, value]) => [key === name ? to : key, value])));
                  }}
                />
                <Select aria-label={t("flow.field_type")} value={String(entry["type"] ?? "string")} options={TYPES.map((type) => ({ value: type, label: t(`type.${type}`) }))} onChange={(type) => put({ ...entry, type })} />
                {extra?.(name, entry, put)}
                <button type="button" className="pm-mini-button" aria-label={t("list.remove")} title={t("list.remove")} onClick={() => onChange(Object.fromEntries(Object.entries(entries).filter(([key]) => key !== name)))}>
                  <Trash2 size={13} />
                </button>
              </div>
            );
          })}
          <button type="button" className="pm-button" data-look="quiet" data-testid={`add-${path}`} onClick={() => onChange({ ...entries, [freshName(entries)]: { type: "string" } })}>
            <Plus size={14} /> {add}
          </button>
        </div>
      )}
    </Frame>
  );
}

export function FlowSettings({ inputsOnly = false }: { inputsOnly?: boolean }): ReactNode {
  const { store, t } = useEditor();
  const { flow, problems } = useFlow();
  const set = (name: "description" | "kind" | "inputs" | "state", value: Json) => store.dispatch({ op: "flow.set", name, value }, { merge: `flow.${name}` });
  const inputs = flow.inputs ?? {};
  const properties = isObject(inputs["properties"]) ? inputs["properties"] : {};
  const required = Array.isArray(inputs["required"]) ? inputs["required"].map(String) : [];
  const setInputs = (next: JsonObject) => {
    const names = Object.keys(next);
    const before = Object.keys(properties);
    // A renamed input stays required: it is the one name that went while another came.
    const renamed = names.length === before.length ? names.find((name) => !before.includes(name)) : undefined;
    const gone = before.find((name) => !names.includes(name));
    const still = required.map((name) => (name === gone && renamed !== undefined ? renamed : name)).filter((name) => names.includes(name));
    set("inputs", names.length === 0 ? {} : { ...inputs, type: "object", properties: next, required: still });
  };
  const toggle = (name: string) => {
    const still = required.includes(name) ? required.filter((each) => each !== name) : [...required, name];
    set("inputs", { ...inputs, type: "object", properties, required: still });
  };
  const inputsField = (
    <NamedTypes
      path="inputs"
      title={t("flow.inputs")}
      help={t("flow.inputs.help")}
      add={t("flow.inputs.add")}
      entries={properties}
      onChange={setInputs}
      extra={(name) => (
        <label className="pm-check" title={t("flow.required")}>
          <input type="checkbox" checked={required.includes(name)} onChange={() => toggle(name)} />
          {t("flow.required_short")}
        </label>
      )}
    />
  );
  if (inputsOnly) return <div className="pm-section">{inputsField}</div>;
  const kinds = (["agent", "rule", "sequence", "task"] as const).map((kind) => ({ value: kind, label: t(`kind.${kind}`) }));
  const general = problems.filter((problem) => problem.node === null && problem.edge === null);
  return (
    <div className="pm-section">
      <h2>{t("flow.settings")}</h2>
      {general.map((problem, index) => (
        <p key={index} className="pm-field-problem" data-severity={problem.severity}>
          {problem.message}
        </p>
      ))}
      <div className="pm-form">
        <Frame path="kind" label={t("flow.kind")} help={t(`kind.${flow.kind ?? "task"}.help`)} problems={[]}>
          {({ id }) => <Select id={id} value={flow.kind ?? "task"} options={kinds} onChange={(kind) => set("kind", kind)} />}
        </Frame>
        <Frame path="description" label={t("flow.description")} problems={[]}>
          {({ id }) => <textarea id={id} className="pm-input" rows={3} maxLength={4000} value={flow.description ?? ""} onChange={(event) => set("description", event.target.value)} />}
        </Frame>
        {inputsField}
        <NamedTypes path="state" title={t("flow.state")} help={t("flow.state.help")} add={t("flow.state.add")} entries={flow.state ?? {}} onChange={(state) => set("state", state)} />
        <details className="pm-details">
          <summary>
            <ChevronRight size={14} /> {t("flow.inputs.schema")}
          </summary>
          <JsonField path="inputs_schema" schema={{ title: t("flow.inputs.schema") }} value={inputs} problems={[]} onChange={(value) => isObject(value) && set("inputs", value)} />
        </details>
      </div>
    </div>
  );
}
