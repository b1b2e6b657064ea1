// Where a webhook listens, and a line for a terminal that calls it.

import { Check, Copy } from "lucide-react";
import { useEffect, useState, type ReactNode } from "react";
import { useEditor, useFlow } from "./context";
import { curlLine } from "./curl";
import { isObject } from "./describe";
import type { FlowNode } from "./types";
import { IconButton } from "./ui";

export function WebhookAddress({ node }: { node: FlowNode }): ReactNode {
  const { flowId, t } = useEditor();
  const { publishedVersion } = useFlow();
  const params = node.params ?? {};
  const method = String(params["method"] ?? "POST");
  const auth = params["auth"];
  const kind = isObject(auth) ? String(auth["kind"] ?? "none") : "none";
  const address = `${window.location.origin}/api/hooks/${flowId}/${String(params["path"] ?? "")}`;
  const line = curlLine(address, method, kind);
  return (
    <div className="pm-section pm-webhook" data-testid="webhook-address">
      <Copyable label={t("webhook.address")} text={address} testId="webhook-url" />
      <Copyable label={t("webhook.try")} text={line} testId="webhook-curl" />
      <p className="pm-quiet">
        {publishedVersion === null ? t("webhook.draft") : t("webhook.published", { version: publishedVersion })} {kind === "bearer" && t("webhook.set_token")}
        {kind === "hmac" && t("webhook.set_secret")}
      </p>
    </div>
  );
}

function Copyable({ label, text, testId }: { label: string; text: string; testId: string }): ReactNode {
  const { say, t } = useEditor();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2_000);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => navigator.clipboard.writeText(text).then(() => setCopied(true), () => say(t("copy.refused")));
  return (
    <div className="pm-copyable">
      <div className="pm-field-label">
        <span>{label}</span>
        <IconButton label={copied ? t("copy.done") : t("copy.do", { name: label })} data-testid={`${testId}-copy`} onClick={() => void copy()}>
          {copied ? <Check size={14} /> : <Copy size={14} />}
        </IconButton>
      </div>
      <code data-testid={testId} tabIndex={0}>
        {text}
      </code>
    </div>
  );
}
