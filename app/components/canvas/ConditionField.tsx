// A condition built without code: comparisons joined by all or any, nested as deep as the file says.

import { Plus, Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import { useEditor } from "./context";
import { isObject, UNARY } from "./describe";
import { Select } from "./fields";
import { ReferencePicker } from "./references";
import type { Json, JsonObject, Problem } from "./types";

const OPS = ["eq", "ne", "gt", "gte", "lt", "lte", "contains", "not_contains", "starts_with", "ends_with", "matches", "in", "not_in", "exists", "not_exists", "is_empty", "not_empty"];
const EMPTY: JsonObject = { left: "", op: "eq", right: "" };

interface Props {
  path: string;
  value: Json | undefined;
  onChange: (value: JsonObject) => void;
  problems: readonly Problem[];
  nodeId: string;
}

// A typed operand: numbers, true, false, null and lists are themselves, anything else is text.
export function operandOf(text: string): Json {
  const trimmed = text.trim();
  if (/^(-?\d+(\.\d+)?|true|false|null)$/.test(trimmed) || /^\[.*\]$/s.test(trimmed)) {
    try {
      return JSON.parse(trimmed) as Json;
    } catch {
      return text; // a list that is still being typed
    }
  }
  return text;
}

// The other way round. A text that looks like a number is quoted, so that it stays a text.
export function operandText(value: Json | undefined): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function Operand({ path, value, onChange, problems, nodeId, label }: Omit<Props, "onChange"> & { onChange: (value: Json) => void; label: string }): ReactNode {
  const own = problems.filter((each) => each.param === path);
  return (
    <div className="pm-operand" data-testid={`field-${path}`} data-severity={own.length > 0 ? "error" : undefined}>
      <input className="pm-input" data-template="true" spellCheck={false} aria-label={label} placeholder={label} value={operandText(value)} onChange={(event) => onChange(operandOf(event.target.value))} />
      <ReferencePicker nodeId={nodeId} onPick={(text) => onChange(typeof value === "string" ? value + text : text)} />
      {own.map((each, index) => (
        <p key={index} className="pm-field-problem">
          {each.message}
        </p>
      ))}
    </div>
  );
}

function Comparison({ path, value, onChange, problems, nodeId }: Omit<Props, "value"> & { value: JsonObject }): ReactNode {
  const { t } = useEditor();
  const op = String(value["op"] ?? "eq");
  const setOp = (next: string) => {
    const { right, ...rest } = value;
    onChange(UNARY.has(next) ? { ...rest, op: next } : { ...rest, op: next, right: right ?? "" });
  };
  const shared = { problems, nodeId };
  return (
    <div className="pm-comparison">
      <Operand {...shared} path={`${path}.left`} label={t("condition.left")} value={value["left"]} onChange={(left) => onChange({ ...value, left })} />
      <Select aria-label={t("condition.op")} value={op} options={OPS.map((each) => ({ value: each, label: t(`op.${each}`) }))} onChange={setOp} />
      {!UNARY.has(op) && <Operand {...shared} path={`${path}.right`} label={t("condition.right")} value={value["right"]} onChange={(right) => onChange({ ...value, right })} />}
    </div>
  );
}

export function ConditionField({ path, value, onChange, problems, nodeId }: Props): ReactNode {
  const { t } = useEditor();
  const condition = isObject(value) ? value : EMPTY;
  const shared = { problems, nodeId };
  const joined = (["all", "any"] as const).find((name) => Array.isArray(condition[name]));
  if (joined === undefined && "not" in condition) {
    return (
      <div className="pm-condition-group">
        <div className="pm-condition-join">
          {t("condition.not")}
          <button type="button" className="pm-mini-button" onClick={() => isObject(condition["not"]) && onChange(condition["not"])}>
            {t("condition.drop_not")}
          </button>
        </div>
        <ConditionField {...shared} path={`${path}.not`} value={condition["not"]} onChange={(not) => onChange({ not })} />
      </div>
    );
  }
  if (joined === undefined) {
    return (
      <div className="pm-condition">
        <Comparison {...shared} path={path} value={condition} onChange={onChange} />
        <button type="button" className="pm-mini-button" onClick={() => onChange({ all: [condition, EMPTY] })}>
          <Plus size={12} /> {t("condition.add")}
        </button>
      </div>
    );
  }
  const parts = condition[joined] as Json[];
  const put = (next: Json[]) => {
    const [only] = next;
    onChange(next.length === 1 && isObject(only) ? only : { [joined]: next });
  };
  return (
    <div className="pm-condition-group">
      <div className="pm-condition-join">
        <Select aria-label={t("condition.join")} value={joined} options={[{ value: "all", label: t("condition.join_all") }, { value: "any", label: t("condition.join_any") }]} onChange={(name) => onChange({ [name]: parts })} />
      </div>
      {parts.map((part, index) => (
        <div key={index} className="pm-condition-part">
          <ConditionPart {...shared} path={`${path}.${joined}[${index}]`} value={part} onChange={(next) => put(parts.map((each, at) => (at === index ? next : each)))} />
          <button type="button" className="pm-mini-button" aria-label={t("condition.remove")} onClick={() => put(parts.filter((_each, at) => at !== index))}>
            <Trash2 size={13} />
          </button>
        </div>
      ))}
      <button type="button" className="pm-mini-button" onClick={() => put([...parts, EMPTY])}>
        <Plus size={12} /> {t("condition.add")}
      </button>
    </div>
  );
}

// Inside a join a comparison stands alone; joins inside joins are drawn as files have them.
function ConditionPart(props: Props): ReactNode {
  const { value } = props;
  const nested = isObject(value) && ("all" in value || "any" in value || "not" in value);
  return nested ? <ConditionField {...props} /> : <Comparison {...props} value={isObject(value) ? value : EMPTY} />;
}
