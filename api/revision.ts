import { createHash } from "node:crypto";

/**
 * Identity of a pod template: `w1:` and 32 hex digits of the SHA-256 of its canonical JSON (sorted keys, no nulls). The prefix names
 * the rule: a later rule gets another one, so that an upgrade is recognised instead of taken for a new release.
 */
export function revisionOf(template: unknown): string {
  return `w1:${createHash("sha256").update(canonicalJson(template)).digest("hex").slice(0, 32)}`;
}

/** JSON with sorted keys, and without keys whose value is null: absent and null mean the same to the API server. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonicalJson).join(",")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value)
      .filter(([, field]) => field !== null && field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
    return `{${entries.join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** Whether a stored hash was made by this rule; others come from elsewhere and cannot be compared. */
export function isOurRevision(hash: string | undefined): boolean {
  return hash?.startsWith("w1:") === true;
}
