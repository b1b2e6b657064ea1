// Words and numbers for people. Sentences come from the catalogue, in the reader's language.

export type Values = { [name: string]: string | number };
export type Translate = (key: string, values?: Values) => string;

// Russian and English choose a form by number: "steps.one", "steps.few", "steps.many", "steps.other".
export function translator(strings: { [key: string]: string }, locale: string): Translate {
  const rules = new Intl.PluralRules(locale);
  return (key, values) => {
    const count = values?.["count"];
    const plural = typeof count === "number" ? strings[`${key}.${rules.select(count)}`] : undefined;
    const sentence = plural ?? strings[key] ?? key;
    if (values === undefined) return sentence;
    return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  };
}

// 412 ms, 1.2 s, 3:05
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

// $0.0008; nothing where the price is unknown.
export function cost(usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return "";
  if (usd === 0) return "$0";
  return usd < 0.01 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(2)}`;
}

export function clock(iso: string, locale: string): string {
  return new Date(iso).toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function moment(iso: string, locale: string): string {
  const date = new Date(iso);
  const today = new Date().toDateString() === date.toDateString();
  const time = date.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
  return today ? time : `${date.toLocaleDateString(locale, { day: "numeric", month: "short" })}, ${time}`;
}

export function shortened(text: string, length: number): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= length ? line : `${line.slice(0, length - 1).trimEnd()}…`;
}
