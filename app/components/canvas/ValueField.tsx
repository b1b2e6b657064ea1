// Any value: a template as text, or JSON whose strings may be templates.

import { useState, type ReactNode } from "react";
import { useEditor } from "./context";
import { Frame, TextField, type FieldProps } from "./fields";
import { ReferencePicker } from "./references";
import type { Json } from "./types";

const written = (value: Json | undefined): string => (value === undefined ? "" : JSON.stringify(value, null, 2));

// What is typed stands until it is JSON again; only then the document changes.
export function JsonField({ path, schema, value, onChange, problems, nodeId, tools }: FieldProps & { tools?: ReactNode }): ReactNode {
  const { t } = useEditor();
  const [typed, setTyped] = useState<string | null>(null);
  const [refusal, setRefusal] = useState<string | null>(null);
  const change = (text: string) => {
    setTyped(text);
    if (text.trim() === "") {
      setRefusal(null);
      return onChange(undefined);
    }
    try {
      onChange(JSON.parse(text) as Json);
      setRefusal(null);
    } catch (error) {
      setRefusal(t("field.not_json", { reason: error instanceof Error ? error.message : "" }));
    }
  };
  const scope = schema["x-template"] !== undefined && nodeId !== undefined;
  const all = (
    <>
      {tools}
      {scope && <ReferencePicker nodeId={nodeId} onPick={(piece) => change((typed ?? written(value)) + JSON.stringify(piece))} />}
    </>
  );
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems} refusal={refusal} tools={all}>
      {({ id, described }) => (
        <textarea
          id={id}
          className="pm-input"
          data-template="true"
          rows={3}
          spellCheck={false}
          aria-describedby={described}
          aria-invalid={refusal !== null}
          value={typed ?? written(value ?? schema.default ?? undefined)}
          onChange={(event) => change(event.target.value)}
          onBlur={() => refusal === null && setTyped(null)}
        />
      )}
    </Frame>
  );
}

export function ValueField(props: FieldProps): ReactNode {
  const { t } = useEditor();
  const { value, onChange, schema } = props;
  const [json, setJson] = useState(() => value !== undefined && value !== null && typeof value !== "string");
  const toggle = (
    <button
      type="button"
      className="pm-mini-button"
      onClick={() => {
        if (json && typeof value !== "string" && value !== undefined) onChange(written(value));
        setJson(!json);
      }}
    >
      {json ? t("field.as_text") : t("field.as_json")}
    </button>
  );
  if (json) return <JsonField {...props} tools={toggle} />;
  return (
    <div className="pm-value-field">
      <TextField {...props} schema={{ ...schema, "x-template": "value", widget: "textarea" }} />
      <div className="pm-value-toggle">{toggle}</div>
    </div>
  );
}
