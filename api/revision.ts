import { hash } from "node:crypto";
import { canonicalJson } from "./canonicalJson.ts";

/**
 * Identity of a pod template: `w1:` and 32 hex digits of the SHA-256 of its canonical JSON (sorted keys, no nulls). The prefix names
 * the rule: a later rule gets another one, so that an upgrade is recognised instead of taken for a new release.
 */
export function revisionOf(template: unknown): string {
  return `w1:${hash("sha256", canonicalJson(template)).slice(0, 32)}`;
}

/** Whether both have the same canonical JSON, and so the same revision. Far cheaper than two hashes. */
export function isSameTemplate(one: unknown, other: unknown): boolean {
  if (one === other) {
    return true;
  }
  if (Array.isArray(one) || Array.isArray(other)) {
    const sameLength = Array.isArray(one) && Array.isArray(other) && one.length === other.length;
    return sameLength && one.every((item, at) => isSameTemplate(item ?? null, other[at] ?? null));
  }
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return canonicalJson(one) === canonicalJson(other);
  }
  const [fields, others] = [one as Readonly<Record<string, unknown>>, other as Readonly<Record<string, unknown>>];
  for (const key of new Set([...Object.keys(fields), ...Object.keys(others)])) {
    if (!isSameTemplate(ownField(fields, key), ownField(others, key))) {
      return false;
    }
  }
  return true;
}

/** Null means absent. */
function ownField(fields: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(fields, key) ? (fields[key] ?? undefined) : undefined;
}

/** Whether a stored hash was made by this rule; others come from elsewhere and cannot be compared. */
export function isOurRevision(hash: string | undefined): boolean {
  return hash?.startsWith("w1:") === true;
}
