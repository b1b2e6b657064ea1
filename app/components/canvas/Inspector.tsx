// What the selected node is set to, why it is not right yet, and what it did last.

import { Ban, CheckCircle2, Copy, Trash2 } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useEditor, useFlow } from "./context";
import { titleOf } from "./describe";
import { remove } from "./edits";
import { FlowSettings } from "./FlowSettings";
import { LastRun } from "./LastRun";
import { TypeIcon } from "./Palette";
import { PolicyForm } from "./PolicyForm";
import { problemsOf } from "./problems";
import { ScheduleReading } from "./ScheduleFields";
import { SchemaForm } from "./SchemaForm";
import type { FlowNode } from "./types";
import { IconButton } from "./ui";
import { WebhookAddress } from "./WebhookAddress";

export function Inspector({ selected, onDuplicate }: { selected: readonly string[]; onDuplicate: () => void }): ReactNode {
  const { flow } = useFlow();
  const { t } = useEditor();
  const [first] = selected;
  const node = selected.length === 1 ? (flow.nodes ?? []).find((each) => each.id === first) : undefined;
  return (
    <div className="pm-inspector" data-testid="inspector">
      {node !== undefined ? <NodeInspector key={node.id} node={node} onDuplicate={onDuplicate} /> : selected.length > 1 ? <Several ids={selected} onDuplicate={onDuplicate} /> : <FlowSettings />}
      {node === undefined && selected.length === 0 && <p className="pm-hint">{t("inspector.hint")}</p>}
    </div>
  );
}

function Several({ ids, onDuplicate }: { ids: readonly string[]; onDuplicate: () => void }): ReactNode {
  const { store, t } = useEditor();
  return (
    <div className="pm-section">
      <h2>{t("inspector.several", { count: ids.length })}</h2>
      <div className="pm-actions">
        <button type="button" className="pm-button" data-look="plain" onClick={onDuplicate}>
          <Copy size={14} /> {t("inspector.duplicate")}
        </button>
        <button
          type="button"
          className="pm-button"
          data-look="plain"
          onClick={() => {
            const op = remove(store.getSnapshot().flow, ids, [], []);
            if (op !== null) store.dispatch(op);
          }}
        >
          <Trash2 size={14} /> {t("inspector.delete")}
        </button>
      </div>
    </div>
  );
}

function NodeInspector({ node, onDuplicate }: { node: FlowNode; onDuplicate: () => void }): ReactNode {
  const { store, types, t } = useEditor();
  const { problems: all } = useFlow();
  const type = types.get(node.type);
  const problems = problemsOf(all, node.id);
  const enabled = node.enabled !== false;
  const general = problems.filter((problem) => problem.param === null);
  return (
    <>
      <div className="pm-section">
        <div className="pm-inspector-head">
          <TypeIcon type={type} />
          <input
            className="pm-title-input"
            aria-label={t("inspector.title")}
            value={node.title ?? ""}
            placeholder={titleOf({ ...node, title: "" }, type)}
            maxLength={120}
            onChange={(event) => store.dispatch({ op: "node.set_title", id: node.id, title: event.target.value }, { merge: `${node.id}.title` })}
          />
          <IconButton label={t(enabled ? "inspector.disable" : "inspector.enable")} aria-pressed={!enabled} onClick={() => store.dispatch({ op: "node.set_enabled", id: node.id, enabled: !enabled })}>
            {enabled ? <Ban size={15} /> : <CheckCircle2 size={15} />}
          </IconButton>
          <IconButton label={t("inspector.duplicate")} keys="Ctrl D" onClick={onDuplicate}>
            <Copy size={15} />
          </IconButton>
          <IconButton label={t("inspector.delete")} keys="Del" onClick={() => store.dispatch(remove(store.getSnapshot().flow, [node.id], [], [])!)}>
            <Trash2 size={15} />
          </IconButton>
        </div>
        <p className="pm-summary">{type?.summary ?? t("inspector.unknown_type", { type: node.type })}</p>
        {general.map((problem, index) => (
          <p key={index} className="pm-field-problem" data-severity={problem.severity}>
            {problem.message}
          </p>
        ))}
      </div>
      <LastRun nodeId={node.id} />
      {type !== undefined && Object.keys(type.params_schema.properties ?? {}).length > 0 && (
        <div className="pm-section">
          <SchemaForm
            schema={type.params_schema}
            value={node.params ?? {}}
            problems={problems}
            nodeId={node.id}
            onChange={(name, value) => {
              const edit = { op: "node.set_param" as const, id: node.id, name };
              store.dispatch(value === undefined ? { ...edit, unset: true } : { ...edit, value }, { merge: `${node.id}.${name}` });
            }}
          />
        </div>
      )}
      {type?.key === "trigger.webhook" && <WebhookAddress node={node} />}
      {type?.key === "trigger.schedule" && <ScheduleReading node={node} />}
      {type?.key === "trigger.call" && <FlowSettings inputsOnly />}
      <PolicyForm node={node} problems={problems} />
      <Identity node={node} />
    </>
  );
}

// The id is the node's name in templates and in the file: changing it changes every reference too.
function Identity({ node }: { node: FlowNode }): ReactNode {
  const { store, reveal, t } = useEditor();
  const [typed, setTyped] = useState(node.id);
  const wrong = !/^[a-z][a-z0-9_]{0,39}$/.test(typed);
  const taken = typed !== node.id && (store.getSnapshot().flow.nodes ?? []).some((each) => each.id === typed);
  const rename = () => {
    if (typed === node.id) return;
    if (wrong || taken) return setTyped(node.id);
    if (store.dispatch({ op: "node.rename_id", id: node.id, new_id: typed })) reveal(typed);
  };
  return (
    <div className="pm-section">
      <div className="pm-field" data-testid="field-id" data-severity={wrong || taken ? "error" : undefined}>
        <div className="pm-field-label">
          <label htmlFor={`id-of-${node.id}`}>{t("inspector.id")}</label>
        </div>
        <input id={`id-of-${node.id}`} className="pm-input pm-mono" spellCheck={false} value={typed} onChange={(event) => setTyped(event.target.value)} onBlur={rename} onKeyDown={(event) => event.key === "Enter" && rename()} />
        <div className="pm-field-about">
          {wrong && <p className="pm-field-problem">{t("inspector.id_wrong")}</p>}
          {taken && <p className="pm-field-problem">{t("inspector.id_taken")}</p>}
          <p>{t("inspector.id_help")}</p>
        </div>
      </div>
      <div className="pm-field" data-testid="field-note">
        <div className="pm-field-label">
          <label htmlFor={`note-of-${node.id}`}>{t("inspector.note")}</label>
        </div>
        <textarea id={`note-of-${node.id}`} className="pm-input" rows={2} value={node.note ?? ""} maxLength={2000} onChange={(event) => store.dispatch({ op: "node.set_note", id: node.id, note: event.target.value }, { merge: `${node.id}.note` })} />
      </div>
    </div>
  );
}
