// The editor's header: where we are, whether all is saved, undo and redo, versions, run, publish.

import { ArrowLeft, Download, History, PanelRight, Play, Plus, Redo2, Undo2 } from "lucide-react";
import { useEffect, useState, type ReactNode } from "react";
import type { VersionView } from "./api";
import { useEditor, useFlow } from "./context";
import { PeopleHere } from "./Presence";
import { SaveState } from "./SaveState";
import { moment } from "./text";
import { Button, IconButton, Pop } from "./ui";

interface Props {
  narrow: boolean;
  panelOpen: boolean;
  onPalette: () => void;
  onPanel: () => void;
  onRun: () => void;
  onPublish: () => void;
}

export function Header({ narrow, panelOpen, onPalette, onPanel, onRun, onPublish }: Props): ReactNode {
  const { store, t } = useEditor();
  const { flow, canUndo, canRedo } = useFlow();
  return (
    <header className="pm-header">
      <a className="pm-back" href="/flows" aria-label={t("header.flows")}>
        {narrow ? <ArrowLeft size={16} /> : t("header.flows")}
      </a>
      {!narrow && <span className="pm-slash">/</span>}
      <FlowName />
      {!narrow && <span className="pm-kind">{t(`kind.${flow.kind ?? "task"}`)}</span>}
      <SaveState narrow={narrow} />
      <span className="pm-space" />
      <PeopleHere narrow={narrow} />
      <IconButton label={t("header.undo")} keys="Ctrl Z" data-testid="undo" disabled={!canUndo} onClick={() => store.undo()}>
        <Undo2 size={16} />
      </IconButton>
      <IconButton label={t("header.redo")} keys="Ctrl Shift Z" data-testid="redo" disabled={!canRedo} onClick={() => store.redo()}>
        <Redo2 size={16} />
      </IconButton>
      <ExportButton />
      {!narrow && <Versions />}
      {narrow && (
        <IconButton label={t("header.add")} onClick={onPalette}>
          <Plus size={16} />
        </IconButton>
      )}
      <IconButton label={t("header.panel")} aria-pressed={panelOpen} onClick={onPanel}>
        <PanelRight size={16} />
      </IconButton>
      <Button data-testid="run-button" onClick={onRun} aria-label={t("run.title")} title={`${t("run.title")} (Ctrl Enter)`}>
        <Play size={14} />
        {!narrow && t("run.title")}
      </Button>
      <Button look="primary" data-testid="publish-button" onClick={onPublish}>
        {t(narrow ? "publish.short" : "publish.title")}
      </Button>
    </header>
  );
}

function FlowName(): ReactNode {
  const { store, t } = useEditor();
  const { flow, loaded } = useFlow();
  const name = flow.name ?? "";
  return (
    <span className="pm-name" data-value={name || t("flow.untitled")}>
      <input
        aria-label={t("header.name")}
        data-testid="flow-name"
        value={name}
        placeholder={loaded ? t("flow.untitled") : ""}
        maxLength={120}
        onChange={(event) => store.dispatch({ op: "flow.set", name: "name", value: event.target.value }, { merge: "flow.name" })}
        onKeyDown={(event) => (event.key === "Enter" || event.key === "Escape") && event.currentTarget.blur()}
      />
    </span>
  );
}

function ExportButton(): ReactNode {
  const { api, store, flowId, say, t } = useEditor();
  const save = async () => {
    try {
      await store.flush();
    } catch {
      return say(t("export.unsaved"));
    }
    const link = document.createElement("a");
    link.href = api.exportUrl(flowId);
    link.download = "";
    link.click();
  };
  return (
    <IconButton label={t("header.export")} data-testid="export-button" onClick={() => void save()}>
      <Download size={16} />
    </IconButton>
  );
}

function Versions(): ReactNode {
  const { t } = useEditor();
  const { publishedVersion } = useFlow();
  const label = publishedVersion === null ? t("version.draft") : `v${publishedVersion}`;
  return (
    <Pop trigger={<Button aria-label={t("version.history")} data-testid="version"><History size={14} /> {label}</Button>} label={t("version.history")}>
      <VersionList />
    </Pop>
  );
}

function VersionList(): ReactNode {
  const { api, flowId, locale, t } = useEditor();
  const [versions, setVersions] = useState<VersionView[] | null>(null);
  useEffect(() => {
    api.versions(flowId).then(setVersions, () => setVersions([]));
  }, [api, flowId]);
  if (versions === null) return <p className="pm-nothing">{t("loading")}</p>;
  if (versions.length === 0) return <p className="pm-nothing">{t("version.none")}</p>;
  return (
    <ul className="pm-versions">
      {versions.map((each) => (
        <li key={each.version}>
          <strong>v{each.version}</strong>
          <span>{each.note || each.author}</span>
          <time dateTime={each.created_at}>{moment(each.created_at, locale)}</time>
        </li>
      ))}
    </ul>
  );
}
