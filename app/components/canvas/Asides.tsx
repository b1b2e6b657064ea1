// Edits that were not taken or were undone by somebody who had not seen them: told at once, and kept until their author
// takes them back, copies them or lets them go.

import { Copy, Undo2, X } from "lucide-react";
import type { ReactNode } from "react";
import type { Aside } from "./aside";
import { changeWords, nodeName, takeaway } from "./changeWords";
import { useEditor, useFlow } from "./context";
import { Button, IconButton } from "./ui";

const MOST_SHOWN = 2;

// Over the canvas, the latest first.
export function AsideNotice(): ReactNode {
  const { t } = useEditor();
  const { asides } = useFlow();
  const shown = asides.slice(-MOST_SHOWN).reverse();
  return (
    <div className="pm-asides-place" role="status" aria-live="polite">
      {shown.length > 0 && (
        <div className="pm-asides" data-testid="asides" data-count={asides.length}>
          <ul>
            {shown.map((each) => (
              <AsideRow key={each.op_id} aside={each} />
            ))}
          </ul>
          {asides.length > shown.length && <p className="pm-quiet">{t("aside.more", { count: asides.length - shown.length })}</p>}
        </div>
      )}
    </div>
  );
}

function useSentence(): (aside: Aside) => string {
  const { t, types } = useEditor();
  const { flow } = useFlow();
  return (aside) => {
    const wording = { flow, types, t, node: aside.node };
    const change = changeWords(aside.op, wording);
    const node = aside.node === null ? "" : nodeName(aside.node.id, wording);
    if (aside.why === "refused") return aside.detail === "" ? t("aside.misfit", { change }) : t("aside.refused", { change, reason: aside.detail });
    if (aside.why === "gone" && (aside.by === "" || node === "")) return t("aside.gone", { change });
    return t(`aside.${aside.why}_by`, { who: aside.by, node, change });
  };
}

export function AsideRow({ aside, full = false }: { aside: Aside; full?: boolean }): ReactNode {
  const { store, say, t } = useEditor();
  const sentence = useSentence();
  const take = () => {
    if (!store.takeBack(aside.op_id)) say(t("aside.cannot"));
  };
  const copy = () => {
    const done = () => say(t("aside.copied"));
    navigator.clipboard?.writeText(takeaway(aside.op)).then(done, () => say(t("aside.not_copied")));
  };
  return (
    <li className="pm-aside" data-testid="aside" data-why={aside.why}>
      <p>{sentence(aside)}</p>
      <div>
        {aside.why !== "refused" && (
          <Button onClick={take} data-testid="aside-take">
            <Undo2 size={14} />
            {t(aside.why === "overwritten" ? "aside.take_mine" : "aside.bring_back")}
          </Button>
        )}
        <Button look="quiet" onClick={copy} data-testid="aside-copy">
          <Copy size={14} />
          {t("aside.copy")}
        </Button>
        <IconButton label={t("aside.dismiss")} onClick={() => store.dismiss(aside.op_id)} data-testid="aside-dismiss">
          <X size={14} />
        </IconButton>
      </div>
      {full && (
        <details>
          <summary>{t("aside.what")}</summary>
          <pre>{takeaway(aside.op)}</pre>
        </details>
      )}
    </li>
  );
}
