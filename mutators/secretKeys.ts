import { fieldAt, isFields, textAt } from "./fields.ts";
import { type Finding, shown } from "./schemaWalk.ts";
import type { Surroundings } from "./surroundings.ts";
import { warning } from "./warning.ts";

type Keys = readonly string[];

/** What the Secret of a metrics system must hold: any one of the sets. Source: what each provider reads. */
const keysOf: Readonly<Record<string, readonly Keys[]>> = {
  prometheus: [["token"], ["username", "password"]],
  influxdb: [["token", "org"]],
  datadog: [["datadog_api_key", "datadog_application_key"]],
  stackdriver: [["project"]],
  newrelic: [["newrelic_account_id", "newrelic_query_key"]],
  graphite: [["username", "password"]],
  dynatrace: [["dynatrace_token"]],
  splunk: [["sf_token_key"]],
};

/** What the Secret of a metrics system must hold; nothing for those that can do without. */
export function metricKeys(type: string | undefined): readonly Keys[] {
  return type !== undefined && Object.hasOwn(keysOf, type) ? (keysOf[type] ?? []) : [];
}

export const alertKeys: readonly Keys[] = [["address"]];

/** A Secret that was read and lacks the keys. `path` is that of `secretRef`. Values are never looked at. */
export function secretFindings(
  object: unknown,
  path: readonly string[],
  sets: readonly Keys[],
  around: Surroundings | undefined,
): readonly Finding[] {
  const name = textAt(object, ...path, "name");
  const secret = around?.secret;
  if (typeof secret !== "object" || secret.metadata.name !== name || sets.length === 0) {
    return [];
  }
  const data = fieldAt(secret, "data");
  const has = (key: string): boolean => isFields(data) && Object.hasOwn(data, key);
  if (sets.some((keys) => keys.every(has))) {
    return [];
  }
  const needed = sets.map((keys) => keys.join(" and ")).join(", or ");
  const message = `Invalid value: ${shown(name)}: this Secret needs the keys ${needed}`;
  return [{ issue: { field: [...path, "name"].join("."), reason: "FieldValueInvalid", message }, value: name }];
}

/** A Secret that is not there: a warning, for it may be applied next. */
export function secretWarnings(object: unknown, path: readonly string[], around: Surroundings | undefined) {
  const name = textAt(object, ...path, "name");
  return around?.secret === "absent" && name !== undefined
    ? [warning(`there is no Secret ${name} in this namespace yet: nothing can be sent until there is`)]
    : [];
}
