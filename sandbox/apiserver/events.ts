import type { KubeObject, Resource } from "./types.ts";

/** Events have two APIs over one storage: what is written in one is read in the other. Core v1 is what is stored. */
const newApi = "events.k8s.io/v1";

/** Fields that are called differently: core v1, then events.k8s.io/v1. */
const renamed = [
  ["involvedObject", "regarding"],
  ["message", "note"],
  ["source", "deprecatedSource"],
  ["firstTimestamp", "deprecatedFirstTimestamp"],
  ["lastTimestamp", "deprecatedLastTimestamp"],
  ["count", "deprecatedCount"],
  ["reportingComponent", "reportingController"],
] as const;

/** True for both resources of events. */
export function isEvents(resource: Pick<Resource, "group" | "plural">): boolean {
  return resource.plural === "events" && (resource.group === "" || resource.group === "events.k8s.io");
}

/** An event in the other API. */
export function convertEvent(event: KubeObject, apiVersion: string): KubeObject {
  if (event.apiVersion === apiVersion) return event;
  const toNew = apiVersion === newApi;
  const names = new Map<string, string>(renamed.map(([old, next]) => (toNew ? [old, next] : [next, old])));
  const converted: KubeObject = { kind: event.kind, apiVersion, metadata: event.metadata };
  for (const [field, value] of Object.entries(event)) {
    if (field === "kind" || field === "apiVersion" || field === "metadata") continue;
    // Only the old API writes its empty strings out.
    if (toNew && value === "" && (field === "reportingComponent" || field === "reportingInstance")) continue;
    converted[names.get(field) ?? field] = value;
  }
  if (toNew) return converted;
  return { source: {}, firstTimestamp: null, lastTimestamp: null, eventTime: null, ...emptyReporter, ...converted };
}

const emptyReporter = { reportingComponent: "", reportingInstance: "" };
