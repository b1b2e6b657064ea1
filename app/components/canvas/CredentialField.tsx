// A credential by the name of its slot: those of the workspace, and a way to add one. The secret itself is never here.

import { ExternalLink, TriangleAlert } from "lucide-react";
import { useEffect, useState, type ReactNode } from "react";
import type { CredentialView } from "./api";
import { useEditor, useFlow } from "./context";
import { isObject } from "./describe";
import { Frame, Select, type FieldProps } from "./fields";
import { namingSlot } from "./slots";
import type { FlowNode, Json } from "./types";

// The workspace's credentials; asked anew when somebody comes back from adding one.
function useCredentials(): CredentialView[] | null {
  const { api } = useEditor();
  const [found, setFound] = useState<CredentialView[] | null>(null);
  useEffect(() => {
    let here = true;
    const ask = () => api.credentials().then((all) => here && setFound(all), () => undefined);
    void ask();
    window.addEventListener("focus", ask);
    return () => {
      here = false;
      window.removeEventListener("focus", ask);
    };
  }, [api]);
  return found;
}

interface PickerProps {
  id: string;
  described: string;
  slot: string;
  // The kinds that fit here, the first one being what a new credential is made as.
  kinds: readonly string[];
  none: string | null;
  onPick: (slot: string, kind: string) => void;
}

function Picker({ id, described, slot, kinds, none, onPick }: PickerProps): ReactNode {
  const { t } = useEditor();
  const found = useCredentials();
  const fitting = (found ?? []).filter((each) => kinds.includes(each.kind));
  const options = fitting.map((each) => ({ value: each.name, label: `${each.name} · ${t(`credential.kind.${each.kind}`)}` }));
  const chosen = (found ?? []).find((each) => each.name === slot);
  if (slot !== "" && !fitting.some((each) => each.name === slot)) options.unshift({ value: slot, label: slot });
  if (none !== null || slot === "") options.unshift({ value: "", label: none ?? t("field.choose") });
  const empty = found !== null && slot !== "" && chosen === undefined;
  const unfit = chosen !== undefined && !kinds.includes(chosen.kind);
  const address = `/credentials?${new URLSearchParams({ new: empty ? slot : "", kind: kinds[0] ?? "" })}`;
  return (
    <div className="pm-credential">
      <Select id={id} aria-describedby={described} value={slot} options={options} onChange={(name) => onPick(name, found?.find((each) => each.name === name)?.kind ?? kinds[0] ?? "")} />
      {(empty || unfit) && (
        <p className="pm-field-problem" data-severity="warning" data-testid="credential-empty">
          <TriangleAlert size={12} /> {empty ? t("credential.empty", { slot }) : t("credential.unfit", { slot, kind: t(`credential.kind.${chosen?.kind}`) })}
        </p>
      )}
      <a className="pm-credential-add" href={address} target="_blank" rel="noreferrer" data-testid="credential-add">
        {empty ? t("credential.add_slot", { slot }) : t("credential.add")} <ExternalLink size={12} />
      </a>
    </div>
  );
}

function useNode(nodeId: string | undefined): FlowNode | undefined {
  const { flow } = useFlow();
  return (flow.nodes ?? []).find((each) => each.id === nodeId);
}

const HTTP_KINDS = ["bearer", "basic", "header", "query"] as const;

export function CredentialField({ path, schema, value, onChange, problems, nodeId }: FieldProps): ReactNode {
  const { store, t } = useEditor();
  const node = useNode(nodeId);
  const slot = typeof value === "string" ? value : "";
  const pick = (name: string, kind: string) => {
    const next = name === "" ? undefined : name;
    if (node === undefined || path.includes(".")) return onChange(next);
    store.dispatch(namingSlot(store.getSnapshot().flow, node, path, next, name, kind));
  };
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems}>
      {({ id, described }) => <Picker id={id} described={described} slot={slot} kinds={HTTP_KINDS} none={t("credential.none")} onPick={pick} />}
    </Frame>
  );
}

const AUTH_KINDS = ["none", "bearer", "hmac"] as const;

// How a webhook is proved: by nothing, by a bearer token, or by a signature; with the credential that holds the secret.
export function AuthField({ path, schema, value, onChange, problems, nodeId }: FieldProps): ReactNode {
  const { store, t } = useEditor();
  const node = useNode(nodeId);
  const auth = isObject(value) ? value : {};
  const kind = String(auth["kind"] ?? "none");
  const slot = typeof auth["credential"] === "string" ? auth["credential"] : "";
  const put = (next: { kind: string; credential?: string }) => {
    const set: Json | undefined = next.kind === "none" ? undefined : { kind: next.kind, credential: next.credential ?? "" };
    if (node === undefined) return onChange(set);
    store.dispatch(namingSlot(store.getSnapshot().flow, node, path, set, next.kind === "none" ? "" : (next.credential ?? ""), next.kind));
  };
  return (
    <Frame path={path} label={schema.title ?? path} help={t(`webhook.auth.${kind}.help`)} problems={problems}>
      {({ id, described }) => (
        <div className="pm-credential">
          <Select id={id} aria-describedby={described} value={kind} options={AUTH_KINDS.map((each) => ({ value: each, label: t(`webhook.auth.${each}`) }))} onChange={(next) => put({ kind: next })} />
          {kind !== "none" && <Picker id={`${id}-slot`} described={described} slot={slot} kinds={[kind]} none={null} onPick={(credential) => put({ kind, credential })} />}
        </div>
      )}
    </Frame>
  );
}
