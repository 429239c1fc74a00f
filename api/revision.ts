import { hash } from "node:crypto";
import { canonicalJson } from "./canonicalJson.ts";
import { knownKeys } from "./names.ts";
import { fieldsOf } from "./raw.ts";

/**
 * Identity of a pod template: `w1:` and 32 hex digits of the SHA-256 of its canonical JSON (sorted keys, no nulls). The prefix names
 * the rule: a later rule gets another one, so that an upgrade is recognised instead of taken for a new release. The mark by which the
 * controller keeps a DaemonSet off its nodes is no part of what its user wrote.
 */
export function revisionOf(template: unknown): string {
  return `w1:${hash("sha256", canonicalJson(withoutParking(template))).slice(0, 32)}`;
}

/** A pod template without the mark that matches no node; itself when it has none. */
export function withoutParking(template: unknown): unknown {
  const spec = fieldsOf(fieldsOf(template)["spec"]);
  const { [knownKeys.scaleToZeroNode]: _mark, ...selector } = fieldsOf(spec["nodeSelector"]);
  const isEmpty = Object.keys(selector).length === 0;
  // Taking the mark away leaves an empty map behind where the user had none.
  if (_mark === undefined && !(isEmpty && spec["nodeSelector"] !== undefined)) {
    return template;
  }
  const { nodeSelector: _all, ...rest } = spec;
  return { ...fieldsOf(template), spec: isEmpty ? rest : { ...rest, nodeSelector: selector } };
}

/** Whether both have the same canonical JSON, and so the same revision. Far cheaper than two hashes. */
export function isSameTemplate(one: unknown, other: unknown): boolean {
  return isSame(withoutParking(one), withoutParking(other));
}

function isSame(one: unknown, other: unknown): boolean {
  if (one === other) {
    return true;
  }
  if (Array.isArray(one) || Array.isArray(other)) {
    const sameLength = Array.isArray(one) && Array.isArray(other) && one.length === other.length;
    return sameLength && one.every((item, at) => isSame(item ?? null, other[at] ?? null));
  }
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return canonicalJson(one) === canonicalJson(other);
  }
  const [fields, others] = [one as Readonly<Record<string, unknown>>, other as Readonly<Record<string, unknown>>];
  for (const key of new Set([...Object.keys(fields), ...Object.keys(others)])) {
    if (!isSame(ownField(fields, key), ownField(others, key))) {
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

/** A revision of the template together with the content of what it refers to: `w1:….<digest>`; of a template alone without a digest. */
export function withConfigs(revision: string, digest: string | undefined): string {
  return digest === undefined ? revision : `${revision}.${digest}`;
}

/** The part of a revision that is about the template. */
export function templatePart(revision: string): string {
  return revision.split(".")[0] ?? revision;
}
