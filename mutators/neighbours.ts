import {
  type Analysis,
  apexName,
  type Canary,
  type CanarySpec,
  canaryRules,
  type FieldIssue,
  targetName,
} from "../api/index.ts";
import { textAt } from "./fields.ts";
import { type Finding, holds } from "./schemaWalk.ts";
import type { Index } from "./types.ts";
import { warning } from "./warning.ts";

/**
 * What only the rest of the cluster can tell about a Canary: that another one has the same target or Service. `spec` may be
 * wrong elsewhere; its targetRef is an object.
 */
export function neighbourFindings(spec: CanarySpec, namespace: string, name: string, index: Index): readonly Finding[] {
  const own = { apiVersion: "", kind: "Canary", metadata: { name, namespace }, spec } as Canary;
  const others = index.canariesIn(namespace).filter((other) => other.metadata.name !== name);
  return others.flatMap((other) => clashes(own, other));
}

function clashes(own: Canary, other: Canary): readonly Finding[] {
  const target = textAt(own.spec, "targetRef", "name");
  if (target === undefined) {
    return [];
  }
  const duplicate = (field: string, value: string, what: string): Finding => ({
    issue: {
      field,
      reason: "FieldValueDuplicate",
      message: `Duplicate value: "${value}": ${what}`,
    } satisfies FieldIssue,
    value,
  });
  const who = `Canary ${other.metadata.name}`;
  if (own.spec.targetRef.kind === other.spec.targetRef.kind && target === targetName(other)) {
    return [
      duplicate(
        "spec.targetRef.name",
        target,
        `${who} already releases this ${own.spec.targetRef.kind}: change one of them`,
      ),
    ];
  }
  if (target === `${targetName(other)}-primary`) {
    return [duplicate("spec.targetRef.name", target, `this is the primary of ${who}: refer to ${targetName(other)}`)];
  }
  const apex = typeof own.spec.service?.name === "string" || own.spec.service === undefined ? apexName(own) : target;
  return apex === apexName(other)
    ? [duplicate("spec.service.name", apex, `${who} already has this Service: give one of them another service.name`)]
    : [];
}

/** A Canary that names no provider should fit the default one. Only a warning: the controller's flag may say otherwise. */
export function providerWarnings(spec: CanarySpec, index: Index): readonly string[] {
  if (spec.provider !== undefined || index.provider === "") {
    return [];
  }
  const assumed = { ...spec, provider: index.provider };
  return canaryRules
    .filter((rule) => rule.at === "spec" && holds(rule, spec) && !holds(rule, assumed))
    .map(({ message }) => warning(`default provider ${index.provider}: ${message}`));
}

/** References to objects that are not there: a warning, for they may be applied next. */
export function neighbourWarnings(analysis: Partial<Analysis>, namespace: string, index: Index): readonly string[] {
  const found: string[] = [];
  for (const metric of Array.isArray(analysis.metrics) ? analysis.metrics : []) {
    const name = textAt(metric, "templateRef", "name");
    const where = textAt(metric, "templateRef", "namespace") || namespace;
    if (name !== undefined && index.metricTemplate(where, name) === undefined) {
      found.push(
        warning(`there is no MetricTemplate ${name} in namespace ${where} yet: its check fails until there is`),
      );
    }
  }
  for (const alert of Array.isArray(analysis.alerts) ? analysis.alerts : []) {
    const name = textAt(alert, "providerRef", "name");
    const where = textAt(alert, "providerRef", "namespace") || namespace;
    if (name !== undefined && index.alertProvider(where, name) === undefined) {
      found.push(warning(`there is no AlertProvider ${name} in namespace ${where} yet: its alerts are not sent`));
    }
  }
  return [...new Set(found)].slice(0, 8);
}
