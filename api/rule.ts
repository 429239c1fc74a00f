import { type Feature, providersWith } from "./features.ts";
import type { CelRule, Schema } from "./schema.ts";

/**
 * A rule that a schema alone cannot say. It is written once: `cel` goes into the CRD and holds with no webhook running, `holds` is
 * what admission asks so that all mistakes come in one answer. A property test proves that both agree.
 */
export interface Rule {
  /** The node that carries it, from `spec`: "spec.analysis", "spec.analysis.metrics[*]", "spec.analysis.match[*].headers{*}". */
  readonly at: string;
  /** The field to blame, below that node; empty blames the node. */
  readonly field: string;
  readonly cel: string;
  /** Says what to do. */
  readonly message: string;
  /** The field to blame is missing. */
  readonly missing: boolean;
  /** Only called on values whose types fit the schema. */
  holds(value: unknown): boolean;
}

/** Gives `holds` the type of its node; the walk guarantees it. */
export function rule<T>(at: string, field: string, cel: string, message: string, holds: (value: T) => boolean): Rule {
  return { at, field, cel, message, missing: false, holds: (value) => holds(value as T) };
}

/** The same for a field that has to be there. */
export function missing(of: Rule): Rule {
  return { ...of, missing: true };
}

export function celList(values: readonly string[]): string {
  return `[${values.map((value) => `'${value}'`).join(", ")}]`;
}

/** Who can do what another provider cannot, in words. */
export function whoCan(feature: Feature): string {
  const able = providersWith(feature);
  return able.length > 9 ? `every provider but ${providersWithout(feature).join(", ")} can` : `${able.join(", ")} can`;
}

function providersWithout(feature: Feature): readonly string[] {
  const able = new Set(providersWith(feature));
  return providersWith("blueGreen").filter((provider) => !able.has(provider));
}

/** The schema with the CEL of the rules at their nodes, as the CRD carries it. */
export function withRules(schema: Schema, rules: readonly Rule[], at = "spec"): Schema {
  const own: CelRule[] = rules
    .filter((each) => each.at === at)
    .map((each) => ({
      rule: each.cel,
      message: each.message,
      ...(each.missing ? { reason: "FieldValueRequired" as const } : {}),
      ...(each.field === "" ? {} : { fieldPath: `.${each.field}` }),
    }));
  const below = rules.filter((each) => each.at !== at && each.at.startsWith(at));
  if (below.length === 0 && own.length === 0) {
    return schema;
  }
  const { properties, items, additionalProperties } = schema;
  return {
    ...schema,
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, field]) => [name, withRules(field, below, `${at}.${name}`)]),
          ),
        }),
    ...(items === undefined ? {} : { items: withRules(items, below, `${at}[*]`) }),
    ...(additionalProperties === undefined
      ? {}
      : { additionalProperties: withRules(additionalProperties, below, `${at}{*}`) }),
    ...(own.length === 0 ? {} : { "x-kubernetes-validations": own }),
  };
}
