// A line for a terminal that calls a webhook.

const BODY = '{"hello": "world"}';

// What a person pastes into a terminal. Secrets stay out of it: the shell is asked for them.
export function curlLine(address: string, method: string, kind: string): string {
  const bodiless = method === "GET" || method === "DELETE";
  const parts = ["curl", "-sS", ...(method === "GET" ? [] : ["-X", method])];
  if (kind === "bearer") parts.push("-H", '"authorization: Bearer $TOKEN"');
  if (kind === "hmac") parts.push("-H", `"x-signature: sha256=$(printf %s '${bodiless ? "" : BODY}' | openssl dgst -sha256 -hmac "$SECRET" | sed 's/.*= //')"`);
  if (!bodiless) parts.push("-H", "'content-type: application/json'", "-d", `'${BODY}'`);
  return [...parts, `'${address}'`].join(" ");
}
