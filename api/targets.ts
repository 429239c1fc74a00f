import type { CanarySpec } from "./canary.ts";
import { knownKeys } from "./names.ts";
import type { RawObject, Resource } from "./object.ts";
import { type Fields, fieldsOf, itemsOf, textsOf } from "./raw.ts";
import { revisionOf } from "./revision.ts";

/** What controller and admission both know of targets that are no workloads of pods. */

/** As written, which may be anything until it is judged. */
type TargetRef = Partial<CanarySpec["targetRef"]> | undefined;

export const serviceResource: Resource = { group: "", version: "v1", plural: "services", kind: "Service" };

export const knativeServiceResource: Resource = {
  group: "serving.knative.dev",
  version: "v1",
  plural: "services",
  kind: "Service",
};

/** A Service of Knative, not of Kubernetes: they have the same kind. */
export function isKnative(target: TargetRef): boolean {
  return target?.kind === "Service" && target.apiVersion === "serving.knative.dev/v1";
}

/** A Service of Kubernetes. Manifests write its `apiVersion` in several ways. */
export function isPlainService(target: TargetRef): boolean {
  return target?.kind === "Service" && !String(target.apiVersion).startsWith("serving.knative.dev/");
}

/** What a cluster gives to one Service alone, beside the node ports. */
const ofItsOwn: ReadonlySet<string> = new Set([
  "clusterIP",
  "clusterIPs",
  "externalIPs",
  "healthCheckNodePort",
  "loadBalancerIP",
]);

/** Of the spec of a Service what a copy of it can have: what a release of it is about. */
export function copiedServiceSpec(service: unknown): Fields {
  const spec = fieldsOf(fieldsOf(service)["spec"]);
  const ports = itemsOf(spec["ports"]).map(({ nodePort: _nodePort, ...port }) => port);
  const kept = Object.entries(spec).filter(([field]) => !ofItsOwn.has(field));
  return { ...Object.fromEntries(kept), ...(spec["ports"] === undefined ? {} : { ports }) };
}

export function revisionOfService(service: unknown): string {
  return revisionOf(copiedServiceSpec(service));
}

/** The newest revision that Knative made of a Service: the canary. */
export function newestRevision(service: RawObject | undefined): string | undefined {
  return textsOf(service?.["status"])["latestCreatedRevisionName"];
}

/** The revision of a Service of Knative that is promoted. */
export function promotedRevision(service: RawObject | undefined): string | undefined {
  return textsOf(service?.metadata.annotations)[knownKeys.primaryRevision];
}
