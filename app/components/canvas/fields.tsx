// Plain fields of a form: text, template, number, choice, switch, words, model, flow.

import { Switch } from "radix-ui";
import { ChevronDown, X } from "lucide-react";
import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { useEditor } from "./context";
import { ReferencePicker } from "./references";
import { cost } from "./text";
import type { Json, Problem, Schema } from "./types";
import { Pop } from "./ui";

export interface FieldProps {
  // Where the value stands inside the node's params: "text", "cases[0].name".
  path: string;
  schema: Schema;
  value: Json | undefined;
  // undefined takes the value out, so that the default holds.
  onChange: (value: Json | undefined) => void;
  problems: readonly Problem[];
  required?: boolean;
  // The node whose scope templates read; none in forms that know no templates.
  nodeId?: string;
}

interface FrameProps {
  path: string;
  label: string;
  help?: string | undefined;
  required?: boolean | undefined;
  problems: readonly Problem[];
  tools?: ReactNode;
  // The field's own complaint, before anything is sent.
  refusal?: string | null;
  children: (ids: { id: string; described: string }) => ReactNode;
}

// Label, help and problems around a control.
export function Frame({ path, label, help, required, problems, tools, refusal, children }: FrameProps): ReactNode {
  const id = useId();
  const { t } = useEditor();
  const severity = refusal || problems.some((each) => each.severity === "error") ? "error" : problems.length > 0 ? "warning" : undefined;
  return (
    <div className="pm-field" data-testid={`field-${path}`} data-severity={severity}>
      <div className="pm-field-label">
        <label htmlFor={id}>
          {label}
          {required === false && <span className="pm-optional">{t("field.optional")}</span>}
        </label>
        {tools}
      </div>
      {children({ id, described: `${id}-about` })}
      <div id={`${id}-about`} className="pm-field-about">
        {refusal != null && <p className="pm-field-problem">{refusal}</p>}
        {problems.map((each, index) => (
          <p key={index} className="pm-field-problem" data-severity={each.severity}>
            {each.message}
          </p>
        ))}
        {help !== undefined && <p>{help}</p>}
      </div>
    </div>
  );
}

const asText = (value: Json | undefined): string => (value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value, null, 2));

// A text; with a scope also a template, with a picker of what it may read.
export function TextField({ path, schema, value, onChange, problems, required, nodeId }: FieldProps): ReactNode {
  const area = useRef<HTMLTextAreaElement>(null);
  const template = schema["x-template"] !== undefined;
  const text = asText(value);
  const insert = (piece: string) => {
    const { selectionStart: start = text.length, selectionEnd: end = text.length } = area.current ?? {};
    onChange(text.slice(0, start) + piece + text.slice(end));
    requestAnimationFrame(() => {
      area.current?.focus();
      area.current?.setSelectionRange(start + piece.length, start + piece.length);
    });
  };
  const tools = template && nodeId !== undefined ? <ReferencePicker nodeId={nodeId} onPick={insert} /> : null;
  const long = schema.widget === "textarea" || template;
  const change = (next: string) => onChange(next === "" && !required && schema.default !== undefined ? undefined : next);
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems} tools={tools}>
      {({ id, described }) =>
        long ? (
          <textarea
            ref={area}
            id={id}
            className="pm-input"
            data-template={template}
            rows={schema.widget === "textarea" ? 3 : 1}
            spellCheck={false}
            aria-describedby={described}
            value={text}
            placeholder={asText(schema.default)}
            onChange={(event) => change(event.target.value)}
          />
        ) : (
          <input
            id={id}
            className="pm-input"
            aria-describedby={described}
            value={text}
            placeholder={asText(schema.default)}
            maxLength={schema.maxLength}
            onChange={(event) => change(event.target.value)}
          />
        )
      }
    </Frame>
  );
}

export function NumberField({ path, schema, value, onChange, problems }: FieldProps): ReactNode {
  const { t } = useEditor();
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? asText(value);
  const integer = schema.type === "integer";
  const parsed = Number(shown.replace(",", "."));
  const wrong = shown.trim() !== "" && (!Number.isFinite(parsed) || (integer && !Number.isInteger(parsed)));
  const change = (next: string) => {
    setTyped(next);
    const number = Number(next.replace(",", "."));
    if (next.trim() === "") onChange(undefined);
    else if (Number.isFinite(number) && (!integer || Number.isInteger(number))) onChange(number);
  };
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems} refusal={wrong ? t(integer ? "field.not_an_integer" : "field.not_a_number") : null}>
      {({ id, described }) => (
        <input
          id={id}
          className="pm-input pm-number"
          inputMode={integer ? "numeric" : "decimal"}
          aria-describedby={described}
          aria-invalid={wrong}
          value={shown}
          placeholder={asText(schema.default)}
          onChange={(event) => change(event.target.value)}
          onBlur={() => !wrong && setTyped(null)}
        />
      )}
    </Frame>
  );
}

export function Select({ value, options, onChange, ...rest }: { value: string; options: readonly { value: string; label: string }[]; onChange: (value: string) => void; id?: string; "aria-label"?: string; "aria-describedby"?: string }): ReactNode {
  return (
    <span className="pm-select">
      <select className="pm-input" value={value} onChange={(event) => onChange(event.target.value)} {...rest}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      <ChevronDown size={14} />
    </span>
  );
}

export function ChoiceField({ path, schema, value, onChange, problems }: FieldProps): ReactNode {
  const options = (schema.enum ?? []).map((each) => ({ value: String(each), label: schema["x-labels"]?.[String(each)] ?? String(each) }));
  const chosen = String(value ?? schema.default ?? "");
  if (!options.some((option) => option.value === chosen)) options.unshift({ value: chosen, label: chosen });
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems}>
      {({ id, described }) => <Select id={id} aria-describedby={described} value={chosen} options={options} onChange={onChange} />}
    </Frame>
  );
}

export function SwitchField({ path, schema, value, onChange, problems }: FieldProps): ReactNode {
  return (
    <div className="pm-field pm-field-switch" data-testid={`field-${path}`}>
      <label>
        <span>
          {schema.title ?? path}
          {schema.description !== undefined && <small>{schema.description}</small>}
        </span>
        <Switch.Root className="pm-switch" checked={Boolean(value ?? schema.default)} onCheckedChange={onChange}>
          <Switch.Thumb />
        </Switch.Root>
      </label>
      {problems.map((each, index) => (
        <p key={index} className="pm-field-problem">
          {each.message}
        </p>
      ))}
    </div>
  );
}

// Words or names as chips: Enter or a comma adds one, Backspace in the empty field takes the last back.
export function TagsField({ path, schema, value, onChange, problems }: FieldProps): ReactNode {
  const { t, models } = useEditor();
  const [typed, setTyped] = useState("");
  const words = Array.isArray(value) ? value.map(String) : [];
  const add = (text: string) => {
    const fresh = text.split(/[,\n]/).map((word) => word.trim()).filter((word) => word !== "" && !words.includes(word));
    if (fresh.length > 0) onChange([...words, ...fresh]);
    setTyped("");
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      add(typed);
    } else if (event.key === "Backspace" && typed === "" && words.length > 0) onChange(words.slice(0, -1));
  };
  const list = useId();
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems}>
      {({ id, described }) => (
        <div className="pm-input pm-tags">
          {words.map((word) => (
            <span key={word} className="pm-tag">
              {word}
              <button type="button" aria-label={t("field.remove", { name: word })} onClick={() => onChange(words.filter((each) => each !== word))}>
                <X size={11} />
              </button>
            </span>
          ))}
          <input
            id={id}
            aria-describedby={described}
            value={typed}
            placeholder={words.length === 0 ? t("field.tags") : ""}
            list={schema.widget === "models" ? list : undefined}
            onChange={(event) => setTyped(event.target.value)}
            onKeyDown={keys}
            onBlur={() => add(typed)}
          />
          {schema.widget === "models" && (
            <datalist id={list}>
              {models.map((model) => (
                <option key={model.id} value={model.id} />
              ))}
            </datalist>
          )}
        </div>
      )}
    </Frame>
  );
}

export function ModelField({ path, schema, value, onChange, problems }: FieldProps): ReactNode {
  const { models, t } = useEditor();
  const trigger = (
    <button type="button" className="pm-mini-button" aria-label={t("model.choose")} title={t("model.choose")}>
      <ChevronDown size={14} />
    </button>
  );
  const list = (
    <Pop trigger={trigger} label={t("model.choose")} className="pm-models">
      {(close) =>
        models.map((model) => (
          <button
            key={model.id}
            type="button"
            className="pm-menu-item"
            data-available={model.available !== false}
            onClick={() => {
              onChange(model.id);
              close();
            }}
          >
            <span>{model.label}</span>
            <code>{model.demo ? t("model.demo") : model.available === false ? t("model.no_key") : `${cost(model.input_cost)} / ${cost(model.output_cost)}`}</code>
          </button>
        ))
      }
    </Pop>
  );
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems} tools={list}>
      {({ id, described }) => (
        <input id={id} className="pm-input" aria-describedby={described} spellCheck={false} value={asText(value ?? schema.default)} onChange={(event) => onChange(event.target.value)} />
      )}
    </Frame>
  );
}

interface FlowItem {
  id: string;
  name: string;
}

// Another flow of the workspace, by name.
export function FlowField({ path, schema, value, onChange, problems }: FieldProps): ReactNode {
  const { api, flowId, t } = useEditor();
  const [flows, setFlows] = useState<FlowItem[] | null>(null);
  useEffect(() => {
    let here = true;
    api.listFlows().then((page) => here && setFlows(page.items), () => here && setFlows([]));
    return () => {
      here = false;
    };
  }, [api]);
  const chosen = asText(value);
  const options = (flows ?? []).filter((flow) => flow.id !== flowId).map((flow) => ({ value: flow.id, label: flow.name || t("flow.untitled") }));
  if (!options.some((option) => option.value === chosen)) options.unshift({ value: chosen, label: chosen || t("field.choose") });
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems}>
      {({ id, described }) => <Select id={id} aria-describedby={described} value={chosen} options={options} onChange={onChange} />}
    </Frame>
  );
}
