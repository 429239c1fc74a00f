import {
  type Canary,
  canaryName,
  canonicalJson,
  type Fields,
  fieldsOf,
  itemsOf,
  type NotAccepted,
  numberOf,
  primaryName,
  type RawObject,
  type Traffic,
} from "../../api/index.ts";
import { trafficOf } from "./router.ts";

/** The split that a live HTTPRoute makes: its last rule with both backends. Earlier ones are for clients with a cookie of ours. */
export function readRules(canary: Canary, live: RawObject): Traffic | undefined {
  const rules = itemsOf(fieldsOf(live["spec"])["rules"]);
  const weights = rules
    .map((rule) => itemsOf(rule["backendRefs"]))
    .findLast(
      (backends) =>
        weightOf(backends, primaryName(canary)) !== undefined && weightOf(backends, canaryName(canary)) !== undefined,
    );
  if (weights === undefined) {
    return undefined;
  }
  const mirror = rules.some((rule) =>
    itemsOf(rule["filters"]).some((filter) => isMirrorTo(filter, canaryName(canary))),
  );
  return trafficOf(weightOf(weights, primaryName(canary)) ?? 0, weightOf(weights, canaryName(canary)) ?? 0, mirror);
}

function weightOf(backends: readonly Fields[], name: string): number | undefined {
  const entry = backends.find((backend) => backend["name"] === name);
  return entry === undefined ? undefined : Math.max(0, numberOf(entry["weight"]) ?? 1);
}

function isMirrorTo(filter: Fields, name: string): boolean {
  return fieldsOf(fieldsOf(filter["requestMirror"])["backendRef"])["name"] === name;
}

/**
 * The known text when a Gateway has refused the route or has not seen its newest generation. Parents that say nothing are no reason to
 * wait: not every implementation fills in a status, and another controller may have put its own entry there.
 */
export function notAcceptedBy(live: RawObject): NotAccepted | undefined {
  const namespace = live.metadata.namespace ?? "";
  const generation = live.metadata.generation ?? 0;
  const wanted = itemsOf(fieldsOf(live["spec"])["parentRefs"]);
  const statuses = itemsOf(fieldsOf(live["status"])["parents"]);
  for (const parent of wanted) {
    for (const entry of statuses) {
      if (parentKey(fieldsOf(entry["parentRef"]), namespace) !== parentKey(parent, namespace)) {
        continue;
      }
      const accepted = itemsOf(entry["conditions"]).find((condition) => condition["type"] === "Accepted");
      const observed = numberOf(accepted?.["observedGeneration"]) ?? 0;
      if (accepted !== undefined && (accepted["status"] !== "True" || observed < generation)) {
        const state = `status: ${String(accepted["status"])}, observed generation: ${observed}, current generation: ${generation}`;
        const notAccepted = `HTTPRoute ${live.metadata.name}.${namespace} parent ${String(parent["name"])} is not ready (${state})`;
        return { notAccepted, ...(accepted["status"] === "True" ? { pending: true } : {}) };
      }
    }
  }
  return undefined;
}

/** Identity of a parent, with the defaults of the CRD, so that an implementation may write them out or not. */
function parentKey(parent: Fields, namespace: string): string {
  return canonicalJson({
    group: parent["group"] ?? "gateway.networking.k8s.io",
    kind: parent["kind"] ?? "Gateway",
    namespace: parent["namespace"] ?? namespace,
    name: parent["name"],
    sectionName: parent["sectionName"],
    port: parent["port"],
  });
}
