// Run: asks for the flow's inputs, remembers what was given last.

import { Play } from "lucide-react";
import { useMemo, useState, type FormEvent, type ReactNode } from "react";
import { ApiProblem } from "./api";
import { useEditor, useFlow } from "./context";
import { isObject } from "./describe";
import { SwitchField } from "./fields";
import { SchemaForm } from "./SchemaForm";
import type { Flow, Json, JsonObject, Problem, Schema } from "./types";
import { Button, Modal } from "./ui";

const MESSAGE: Schema = { properties: { message: { type: "string", widget: "textarea" } }, required: ["message"] };

// What Run asks for: the flow's inputs; a message where a chat starts the flow and nothing else is said.
export function inputSchema(flow: Flow): Schema {
  const inputs = (flow.inputs ?? {}) as Schema;
  if (Object.keys(inputs.properties ?? {}).length > 0) return inputs;
  return (flow.nodes ?? []).some((node) => node.type === "trigger.chat") ? MESSAGE : {};
}

const inputKey = (flowId: string) => `prometey.input.${flowId}`;

function remembered(flowId: string): JsonObject {
  try {
    const value = JSON.parse(localStorage.getItem(inputKey(flowId)) ?? "{}") as Json;
    return isObject(value) ? value : {};
  } catch {
    return {}; // somebody else's text under our name
  }
}

function missing(schema: Schema, input: JsonObject, sentence: string): Problem[] {
  return (schema.required ?? [])
    .filter((name) => input[name] === undefined || input[name] === "")
    .map((param) => ({ code: "input.missing", severity: "error", node: null, edge: null, param, range: null, message: sentence }));
}

export function RunDialog({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }): ReactNode {
  const { api, store, flowId, follow, t } = useEditor();
  const { flow } = useFlow();
  const schema = useMemo(() => inputSchema(flow), [flow]);
  const [input, setInput] = useState<JsonObject>(() => remembered(flowId));
  const [simulate, setSimulate] = useState(false);
  const [problems, setProblems] = useState<Problem[]>([]);
  const [refusal, setRefusal] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);
  const start = async (event: FormEvent) => {
    event.preventDefault();
    const known = Object.keys(schema.properties ?? {});
    const given = Object.fromEntries(Object.entries(input).filter(([name]) => known.includes(name)));
    const lacking = missing(schema, given, t("run.required"));
    setProblems(lacking);
    setRefusal([]);
    if (lacking.length > 0) return;
    setBusy(true);
    try {
      await store.flush();
      const run = await api.startRun(flowId, { input: given, simulate });
      localStorage.setItem(inputKey(flowId), JSON.stringify(given));
      follow(run.id, run.version);
      onOpenChange(false);
    } catch (error) {
      setRefusal(error instanceof ApiProblem ? [error.detail, ...(error.problems ?? []).map((each) => each.message)] : [t("run.unreachable")]);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Modal open={open} onOpenChange={onOpenChange} title={t("run.title")} closeLabel={t("close")}>
      <form onSubmit={(event) => void start(event)} onKeyDown={(event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && event.currentTarget.requestSubmit()}>
        <div className="pm-modal-body">
          {Object.keys(schema.properties ?? {}).length === 0 && <p className="pm-quiet">{t("run.no_inputs")}</p>}
          <SchemaForm
            schema={titled(schema, t("run.message"))}
            value={input}
            problems={problems}
            onChange={(name, value) => {
              const { [name]: _old, ...rest } = input;
              setInput(value === undefined ? rest : { ...rest, [name]: value });
            }}
          />
          <SwitchField path="simulate" schema={{ title: t("run.simulate"), description: t("run.simulate.help") }} value={simulate} onChange={(value) => setSimulate(value === true)} problems={[]} />
          {refusal.map((line, index) => (
            <p key={index} className="pm-field-problem" role="alert">
              {line}
            </p>
          ))}
        </div>
        <footer>
          <Button onClick={() => onOpenChange(false)}>{t("cancel")}</Button>
          <Button look="primary" type="submit" disabled={busy} data-testid="run-start">
            <Play size={14} /> {t("run.start")}
          </Button>
        </footer>
      </form>
    </Modal>
  );
}

function titled(schema: Schema, message: string): Schema {
  return schema === MESSAGE ? { ...MESSAGE, properties: { message: { ...MESSAGE.properties!["message"]!, title: message } } } : schema;
}
