/**
 * The hash that names ReplicaSets and revisions. Kubernetes hashes a dump of its own in-memory types, which changes from
 * version to version; this one hashes the canonical JSON and looks the same.
 */

const SAFE_CHARACTERS = "bcdfghjklmnpqrstvwxz2456789";

/** A stable name part for a value; `collisions` makes another one when the first is taken. */
export function templateHash(value: unknown, collisions = 0): string {
  const hash = fnv1a(`${canonical(value)}${collisions === 0 ? "" : collisions}`);
  let text = "";
  for (const digit of String(hash)) text += SAFE_CHARACTERS.charAt(digit.charCodeAt(0) % SAFE_CHARACTERS.length);
  return text;
}

/** JSON with sorted keys, without null and undefined members: equal values give equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined && member !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, "utf8")) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
