import {
  apexName,
  type Canary,
  canaryName,
  isKnative,
  primaryName,
  primaryTargetName,
  targetName,
} from "../api/index.ts";
import { fieldAt, textAt } from "./fields.ts";
import type { Finding } from "./schemaWalk.ts";
import type { Index } from "./types.ts";

/** What another Canary of the namespace has already: the target, its primary, or one of the Services. `canary` may be wrong elsewhere. */
export function neighbourFindings(canary: Canary, index: Index): readonly Finding[] {
  const { name, namespace = "" } = canary.metadata;
  if (textAt(canary, "spec", "targetRef", "name") === undefined) {
    return [];
  }
  const others = index
    .canariesIn(namespace)
    .filter((other) => other.metadata.name !== name && textAt(other, "spec", "targetRef", "name") !== undefined);
  return others.flatMap((other) => [...workloadClash(canary, other), ...serviceClash(canary, other)].slice(0, 1));
}

function workloadClash(own: Canary, other: Canary): readonly Finding[] {
  const target = targetName(own);
  const { kind } = own.spec.targetRef;
  // It has no primary of its own, and its name is that of something else.
  if (isKnative(own.spec.targetRef) !== isKnative(other.spec.targetRef)) {
    return [];
  }
  const who = `Canary ${other.metadata.name}`;
  const clash = (what: string) => [duplicate("spec.targetRef.name", target, what)];
  if (kind === other.spec.targetRef.kind && target === targetName(other)) {
    return clash(`${who} already releases this ${kind}: change one of them`);
  }
  if (target === primaryTargetName(other)) {
    return clash(`this is the primary of ${who}: refer to ${targetName(other)}`);
  }
  return primaryTargetName(own) === targetName(other)
    ? clash(`its primary would be ${primaryTargetName(own)}, which is the target of ${who}: change one of them`)
    : [];
}

function serviceClash(own: Canary, other: Canary): readonly Finding[] {
  const named = fieldAt(own, "spec", "service", "name");
  if (named !== undefined && typeof named !== "string") {
    return [];
  }
  const taken = new Set(servicesOf(other));
  const shared = servicesOf(own).find((name) => taken.has(name));
  const what = `Canary ${other.metadata.name} already has Service ${shared}: give one of them another service.name`;
  return shared === undefined ? [] : [duplicate("spec.service.name", apexName(own), what)];
}

/** A Knative Service has no Services of ours. */
function servicesOf(canary: Canary): readonly string[] {
  return canary.spec.provider === "knative" ? [] : [apexName(canary), primaryName(canary), canaryName(canary)];
}

function duplicate(field: string, value: string, what: string): Finding {
  return {
    issue: { field, reason: "FieldValueDuplicate", message: `Duplicate value: "${value}": ${what}` },
    value,
  };
}
