// When a schedule comes true: the expression with usual ones to choose, its reading, and the next moments in its zone.

import { useEffect, useId, useMemo, useState, type ReactNode } from "react";
import { ApiProblem } from "./api";
import { useEditor } from "./context";
import { cronReading } from "./cron";
import { Frame, type FieldProps } from "./fields";
import type { FlowNode } from "./types";

const USUAL = ["*/15 * * * *", "0 * * * *", "0 9 * * *", "0 9 * * 1-5", "0 9 * * 1", "0 9 1 * *"];
const ASK_AFTER_MS = 300;

const asText = (value: FieldProps["value"]): string => (typeof value === "string" ? value : "");

export function CronField({ path, schema, value, onChange, problems }: FieldProps): ReactNode {
  const { locale, t } = useEditor();
  const cron = asText(value);
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems}>
      {({ id, described }) => (
        <div className="pm-cron">
          <input id={id} className="pm-input" data-template="true" spellCheck={false} maxLength={120} aria-describedby={described} value={cron} onChange={(event) => onChange(event.target.value)} />
          <div className="pm-presets" role="group" aria-label={t("cron.usual")}>
            {USUAL.map((each) => (
              <button key={each} type="button" className="pm-preset" aria-pressed={each === cron.trim()} onClick={() => onChange(each)}>
                {cronReading(each, locale, t)}
              </button>
            ))}
          </div>
        </div>
      )}
    </Frame>
  );
}

export function ZoneField({ path, schema, value, onChange, problems }: FieldProps): ReactNode {
  const { t } = useEditor();
  const list = useId();
  const zones = useMemo(() => ["UTC", ...Intl.supportedValuesOf("timeZone")], []);
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zone = asText(value ?? schema.default);
  const mine = (
    <button type="button" className="pm-mini-button" onClick={() => onChange(own)}>
      {t("schedule.own_zone")}
    </button>
  );
  return (
    <Frame path={path} label={schema.title ?? path} help={schema.description} problems={problems} tools={zone === own ? undefined : mine}>
      {({ id, described }) => (
        <>
          <input id={id} className="pm-input" list={list} spellCheck={false} maxLength={60} aria-describedby={described} value={zone} onChange={(event) => onChange(event.target.value)} />
          <datalist id={list}>
            {zones.map((each) => (
              <option key={each} value={each} />
            ))}
          </datalist>
        </>
      )}
    </Frame>
  );
}

// The clock of the schedule's own zone, as the server wrote it: "2026-11-30T09:00:00+01:00".
function inItsZone(moment: string, locale: string): string {
  const wall = new Date(`${moment.slice(0, 19)}Z`);
  return wall.toLocaleString(locale, { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit", timeZone: "UTC" });
}

export function ScheduleReading({ node }: { node: FlowNode }): ReactNode {
  const { api, locale, t } = useEditor();
  const cron = asText(node.params?.["cron"]);
  const zone = asText(node.params?.["timezone"]) || "UTC";
  const [moments, setMoments] = useState<readonly string[] | null>(null);
  const [refusal, setRefusal] = useState("");
  useEffect(() => {
    let here = true;
    const ask = async () => {
      try {
        const found = await api.moments(cron, zone);
        if (here) [setMoments(found), setRefusal("")];
      } catch (error) {
        if (here) [setMoments([]), setRefusal(error instanceof ApiProblem ? error.detail : t("schedule.unknown"))];
      }
    };
    const timer = setTimeout(() => void ask(), ASK_AFTER_MS);
    return () => {
      here = false;
      clearTimeout(timer);
    };
  }, [api, cron, zone, t]);
  return (
    <div className="pm-section pm-schedule" data-testid="schedule-reading" aria-live="polite">
      {refusal === "" ? <h2>{cronReading(cron, locale, t) ?? cron}</h2> : <p className="pm-quiet">{refusal}</p>}
      {refusal === "" && (
        <dl>
          <dt>{t("schedule.next", { zone })}</dt>
          {(moments ?? ["", "", ""]).map((each, index) => (
            <dd key={index} data-testid="schedule-moment">
              {each === "" ? "\u00a0" : inItsZone(each, locale)}
            </dd>
          ))}
        </dl>
      )}
    </div>
  );
}
