// What publishing would break for others: callers of this flow, and runs that wait in an older version of it.

import type { ApiProblem } from "./api";
import type { Json, JsonObject } from "./types";

export interface Breaking {
  code: string;
  message: string;
  callers: string[];
}

const text = (value: Json | undefined): string => (typeof value === "string" ? value : "");

const named = (value: Json): string => (value !== null && typeof value === "object" && !Array.isArray(value) ? text(value["name"]) || text(value["id"]) : String(value));

// The warnings of a refused publish; none for any other refusal.
export function breaking(refused: ApiProblem): Breaking[] {
  if (refused.status !== 409) return [];
  const listed = (refused.problems as unknown as Json) ?? refused.context["breaking"] ?? refused.context["warnings"];
  return (Array.isArray(listed) ? listed : [])
    .filter((each): each is JsonObject => each !== null && typeof each === "object" && !Array.isArray(each))
    .map((each) => ({ code: text(each["code"]), message: text(each["message"]), callers: (Array.isArray(each["callers"]) ? each["callers"] : []).map(named).filter((name) => name !== "") }));
}
