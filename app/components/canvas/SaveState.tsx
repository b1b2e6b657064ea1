// Whether all is saved, in one quiet word; behind it what waits, what was not taken, and who changed what.

import { useEffect, useState, type ReactNode } from "react";
import { AsideRow } from "./Asides";
import { changeWords, nodeIn } from "./changeWords";
import { useEditor, useFlow } from "./context";
import { colorOf, initials } from "./people";
import { moment } from "./text";
import { Button, Pop } from "./ui";
import type { Edit } from "./types";

export function SaveState({ narrow }: { narrow: boolean }): ReactNode {
  const { t, say } = useEditor();
  const { saveState, waiting, durable, asides } = useFlow();
  const words = saveState === "offline" && waiting > 0 ? t("save.offline.waiting", { count: waiting }) : t(`save.${saveState}`);
  useEffect(() => {
    if (!durable) say(t("save.not_kept"));
  }, [durable, say, t]);
  const trigger = (
    <button type="button" className="pm-save" data-testid="save-state" data-state={saveState} data-waiting={waiting} title={t(`save.${saveState}.help`)}>
      <i />
      <span className={narrow && saveState === "saved" ? "pm-sr" : ""}>{words}</span>
      {asides.length > 0 && <b aria-label={t("aside.count", { count: asides.length })}>{asides.length}</b>}
    </button>
  );
  return (
    <>
      <Pop trigger={trigger} label={t("save.label")} align="start" className="pm-save-pop">
        {(close) => <SaveFacts close={close} />}
      </Pop>
      {/* A screen reader hears of trouble, not of every keystroke that was saved. */}
      <span role="status" className="pm-sr">
        {saveState === "offline" || saveState === "conflict" ? words : ""}
      </span>
    </>
  );
}

function SaveFacts({ close }: { close: () => void }): ReactNode {
  const { t, store } = useEditor();
  const { saveState, waiting, durable, asides, refusal, flow } = useFlow();
  const copy = () => void navigator.clipboard?.writeText(JSON.stringify(flow, null, 2));
  return (
    <div data-testid="save-facts">
      <p>{t(`save.${saveState}.help`)}</p>
      {saveState === "conflict" && refusal !== null && <p className="pm-error">{refusal.detail}</p>}
      {waiting > 0 && <p className="pm-quiet">{t("save.waiting", { count: waiting })}</p>}
      {!durable && <p className="pm-quiet">{t("save.not_kept")}</p>}
      {saveState !== "saved" && <Button onClick={copy}>{t("save.copy_flow")}</Button>}
      {asides.length > 0 && (
        <section>
          <h3>{t("aside.title")}</h3>
          <ul>
            {[...asides].reverse().map((each) => (
              <AsideRow key={each.op_id} aside={each} full />
            ))}
          </ul>
          {asides.length > 1 && (
            <Button look="quiet" onClick={() => asides.forEach(({ op_id }) => store.dismiss(op_id))}>
              {t("aside.dismiss_all")}
            </Button>
          )}
        </section>
      )}
      <section>
        <h3>{t("changes.title")}</h3>
        <Changes close={close} />
      </section>
    </div>
  );
}

// What one person did in one go.
interface Sitting {
  first: Edit;
  edits: Edit[];
}

const ONE_SITTING_MS = 5 * 60_000;

export function sittings(edits: readonly Edit[]): Sitting[] {
  const found: Sitting[] = [];
  for (const edit of edits) {
    const last = found.at(-1);
    const near = last !== undefined && Date.parse(last.edits.at(-1)!.at) - Date.parse(edit.at) < ONE_SITTING_MS;
    if (last !== undefined && near && last.first.actor.id === edit.actor.id) last.edits.push(edit);
    else found.push({ first: edit, edits: [edit] });
  }
  return found;
}

function Changes({ close }: { close: () => void }): ReactNode {
  const { api, flowId, locale, t } = useEditor();
  const { revision } = useFlow();
  const [edits, setEdits] = useState<readonly Edit[] | null>(null);
  const [more, setMore] = useState(false);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let here = true;
    api.recentEdits(flowId).then(
      (found) => {
        if (!here) return;
        setEdits(found.operations);
        setMore(found.more);
        setFailed(false);
      },
      () => here && setFailed(true),
    );
    return () => {
      here = false;
    };
  }, [api, flowId, revision]);
  const older = () =>
    void api.recentEdits(flowId, edits?.at(-1)?.revision).then(
      (found) => {
        setEdits([...(edits ?? []), ...found.operations]);
        setMore(found.more);
      },
      () => setFailed(true),
    );
  if (edits === null) return <p className="pm-nothing">{t(failed ? "changes.unreachable" : "loading")}</p>;
  if (edits.length === 0) return <p className="pm-nothing">{t("changes.none")}</p>;
  return (
    <>
      <ol className="pm-changes" data-testid="changes">
        {sittings(edits).map(({ first, edits: all }) => (
          <li key={first.revision}>
            <span className="pm-face" data-hue={colorOf(first.actor.id ?? "")} aria-hidden="true">
              {initials(first.actor.name || "·")}
            </span>
            <strong>{first.actor.name || t("changes.somebody")}</strong>
            <time dateTime={first.at}>{moment(first.at, locale)}</time>
            <Lines edits={all} close={close} />
          </li>
        ))}
      </ol>
      {more && (
        <Button look="quiet" onClick={older}>
          {t("changes.older")}
        </Button>
      )}
    </>
  );
}

const MOST_LINES = 6;

// Edits of one place in a row are one line.
function Lines({ edits, close }: { edits: readonly Edit[]; close: () => void }): ReactNode {
  const { reveal, types, t } = useEditor();
  const { flow } = useFlow();
  const [all, setAll] = useState(false);
  const lines: { words: string; node: string | null }[] = [];
  for (const { op } of edits) {
    const words = changeWords(op, { flow, types, t });
    if (lines.at(-1)?.words !== words) lines.push({ words, node: nodeIn(op, flow) });
  }
  return (
    <ul>
      {lines.slice(0, all ? lines.length : MOST_LINES).map(({ words, node }, index) => (
        <li key={index}>
          {node === null ? (
            words
          ) : (
            <button
              type="button"
              onClick={() => {
                close();
                reveal(node);
              }}
            >
              {words}
            </button>
          )}
        </li>
      ))}
      {!all && lines.length > MOST_LINES && (
        <li>
          <button type="button" onClick={() => setAll(true)}>
            {t("changes.more", { count: lines.length - MOST_LINES })}
          </button>
        </li>
      )}
    </ul>
  );
}
