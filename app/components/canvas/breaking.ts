// What publishing does to others: callers of this flow, and runs that wait in an older version of it.

import type { ApiProblem } from "./api";
import type { Json, JsonObject } from "./types";

export interface Breaking {
  code: string;
  message: string;
  callers: string[];
  // Nothing is published before somebody accepts it.
  needed: boolean;
}

const text = (value: Json | undefined): string => (typeof value === "string" ? value : "");

function named(value: Json): string {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return "";
  const name = text(value["name"]) || text(value["id"]);
  return typeof value["version"] === "number" ? `${name} v${value["version"]}` : name;
}

// The consequences as the API lists them, in a preview and in a refusal.
export function consequences(listed: unknown): Breaking[] {
  const items = (Array.isArray(listed) ? listed : []) as Json[];
  return items
    .filter((each): each is JsonObject => each !== null && typeof each === "object" && !Array.isArray(each))
    .map((each) => ({
      code: text(each["code"]),
      message: text(each["message"]),
      callers: [...new Set((Array.isArray(each["callers"]) ? each["callers"] : []).map(named))].filter((name) => name !== ""),
      needed: each["needs_acceptance"] === true,
    }));
}

// The consequences that a publish was refused for; none for any other refusal.
export function breaking(refused: ApiProblem): Breaking[] {
  return refused.status === 409 ? consequences(refused.problems).map((each) => ({ ...each, needed: true })) : [];
}
