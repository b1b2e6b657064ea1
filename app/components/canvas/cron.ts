// Cron expressions as a person would say them. What has no plain reading is said field by field.

import type { Translate } from "./text";

const DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
// A Sunday, and a January, from which names of weekdays and months are counted.
const SUNDAY = Date.UTC(2024, 0, 7);
const DAY_MS = 86_400_000;

const plain = (field: string) => /^\d+$/.test(field);
const step = (field: string): number | null => {
  const found = /^(?:\*|0)\/(\d+)$/.exec(field);
  return found === null || found[1] === "1" ? null : Number(found[1]);
};

interface Names {
  days: (field: string) => string | null;
  months: (field: string) => string | null;
}

function names(locale: string): Names {
  const day = new Intl.DateTimeFormat(locale, { weekday: "long", timeZone: "UTC" });
  const month = new Intl.DateTimeFormat(locale, { month: "long", timeZone: "UTC" });
  const said = (field: string, known: readonly string[], first: number, name: (number: number) => string): string | null => {
    const one = (text: string): string | null => {
      const at = known.indexOf(text.toUpperCase().slice(0, 3));
      const number = plain(text) ? Number(text) : at < 0 ? NaN : at + first;
      return Number.isNaN(number) || number > known.length + first ? null : name(number);
    };
    const parts = field.split(",").map((part) => {
      const [from = "", to, ...more] = part.split("-");
      const [left, right] = [one(from), to === undefined ? "" : one(to)];
      return left === null || right === null || more.length > 0 ? null : right === "" ? left : `${left} – ${right}`;
    });
    return parts.some((part) => part === null) ? null : parts.join(", ");
  };
  return {
    days: (field) => said(field, DAYS, 0, (number) => day.format(SUNDAY + (number % 7) * DAY_MS)),
    months: (field) => said(field, MONTHS, 1, (number) => month.format(Date.UTC(2024, number - 1, 1))),
  };
}

// "Monday – Friday at 09:00". null where the expression has no five fields.
export function cronReading(cron: string, locale: string, t: Translate): string | null {
  const fields = cron.trim().split(/\s+/);
  if (fields.length !== 5) return null;
  const [minute, hour, date, month, weekday] = fields.map((field) => (field === "*/1" ? "*" : field)) as [string, string, string, string, string];
  const say = names(locale);
  const when = timeReading(minute, hour, t);
  const days = dayReading(date, weekday, say, t, step(minute) !== null || minute === "*" || hour === "*" || step(hour) !== null);
  const months = month === "*" ? "" : say.months(month);
  if (when === null || days === null || months === null) return t("cron.fields", { minute, hour, date, month, weekday });
  const sentence = [days, when, months === "" ? "" : t("cron.in_months", { months })].filter((part) => part !== "").join(" ");
  return sentence.charAt(0).toLocaleUpperCase(locale) + sentence.slice(1);
}

function timeReading(minute: string, hour: string, t: Translate): string | null {
  const [minutes, hours] = [step(minute), step(hour)];
  if (minute === "*" && hour === "*") return t("cron.every_minute");
  if (minutes !== null && hour === "*") return t("cron.every_minutes", { count: minutes });
  if (plain(minute) && hour === "*") return minute === "0" ? t("cron.every_hour") : t("cron.every_hour_at", { count: Number(minute) });
  if (plain(minute) && hours !== null) return t("cron.every_hours", { count: hours });
  if (minutes !== null && /^\d+-\d+$/.test(hour)) {
    const [from, to] = hour.split("-") as [string, string];
    return `${t("cron.every_minutes", { count: minutes })} ${t("cron.between", { from: `${from.padStart(2, "0")}:00`, to: `${to.padStart(2, "0")}:59` })}`;
  }
  if (!plain(minute) || !hour.split(",").every(plain)) return null;
  const times = hour.split(",").map((each) => `${each.padStart(2, "0")}:${minute.padStart(2, "0")}`);
  return t("cron.at", { times: times.join(", ") });
}

function dayReading(date: string, weekday: string, say: Names, t: Translate, often: boolean): string | null {
  if (date === "*" && weekday === "*") return often ? "" : t("cron.every_day");
  if (date !== "*" && weekday !== "*") return null;
  if (weekday !== "*") return say.days(weekday);
  if (date.toUpperCase() === "L") return t("cron.last_day");
  return /^[\d,-]+$/.test(date) ? t("cron.dates", { dates: date.replaceAll(",", ", ") }) : null;
}
