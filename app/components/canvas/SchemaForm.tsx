// A form made from a JSON Schema: one field for each property, what is rarely changed folded away.

import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import { useEditor } from "./context";
import { AuthField, CredentialField } from "./CredentialField";
import { ChoiceField, FlowField, ModelField, NumberField, SwitchField, TagsField, TextField, type FieldProps } from "./fields";
import { AssignField, KeyValueField, ListField, WhenField } from "./lists";
import { problemsOfParam } from "./problems";
import { CronField, ZoneField } from "./ScheduleFields";
import { JsonField, ValueField } from "./ValueField";
import type { Json, JsonObject, Problem, Schema } from "./types";

type Field = (props: FieldProps) => ReactNode;

const WIDGETS: { readonly [widget: string]: Field } = {
  assign: AssignField,
  auth: AuthField,
  cases: ListField,
  condition: WhenField,
  credential: CredentialField,
  cron: CronField,
  flow: FlowField,
  keyvalue: KeyValueField,
  model: ModelField,
  models: TagsField,
  schema: JsonField,
  tags: TagsField,
  textarea: TextField,
  value: ValueField,
  zone: ZoneField,
};

export function fieldOf(schema: Schema): Field {
  const named = schema.widget === undefined ? undefined : WIDGETS[schema.widget];
  if (named !== undefined) return named;
  if (schema.enum !== undefined) return ChoiceField;
  switch (schema.type) {
    case "boolean":
      return SwitchField;
    case "number":
    case "integer":
      return NumberField;
    case "string":
      return TextField;
    case "array":
      if (schema.items?.properties !== undefined) return ListField;
      return schema.items?.type === "string" ? TagsField : JsonField;
    case "object":
      return schema.properties === undefined ? KeyValueField : JsonField;
    default:
      return ValueField;
  }
}

function applies(schema: Schema, value: JsonObject, siblings: { [name: string]: Schema }): boolean {
  return Object.entries(schema["x-when"] ?? {}).every(([name, wanted]) => {
    const now = value[name] ?? siblings[name]?.default;
    return Array.isArray(wanted) ? wanted.some((each) => each === now) : wanted === now;
  });
}

interface Props {
  schema: Schema;
  value: JsonObject;
  onChange: (name: string, value: Json | undefined) => void;
  problems: readonly Problem[];
  // Where these properties stand inside the params: "" at the top, "cases[0]." inside a list.
  prefix?: string;
  nodeId?: string;
}

export function SchemaForm({ schema, value, onChange, problems, prefix = "", nodeId }: Props): ReactNode {
  const { t } = useEditor();
  const properties = schema.properties ?? {};
  const shown = Object.entries(properties).filter(([, part]) => applies(part, value, properties));
  // In a list people read names; the id of the file comes last.
  if (prefix !== "") shown.sort(([one], [other]) => Number(one === "id") - Number(other === "id"));
  const field = ([name, part]: [string, Schema]) => {
    const Field = fieldOf(part);
    const path = prefix + name;
    return (
      <Field
        key={name}
        path={path}
        schema={part}
        value={value[name]}
        onChange={(next) => onChange(name, next)}
        problems={problemsOfParam(problems, path)}
        required={schema.required?.includes(name) ?? false}
        {...(nodeId === undefined ? {} : { nodeId })}
      />
    );
  };
  const advanced = shown.filter(([, part]) => part["x-advanced"] === true);
  const touched = advanced.some(([name]) => value[name] !== undefined || problemsOfParam(problems, prefix + name).length > 0);
  return (
    <div className="pm-form">
      {shown.filter(([, part]) => part["x-advanced"] !== true).map(field)}
      {advanced.length > 0 && (
        <details className="pm-details" open={touched || undefined}>
          <summary>
            <ChevronRight size={14} /> {t("form.more")}
          </summary>
          <div className="pm-form">{advanced.map(field)}</div>
        </details>
      )}
    </div>
  );
}
