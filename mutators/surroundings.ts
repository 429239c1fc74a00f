import {
  apiGroup,
  apiVersionOf,
  knativeServiceResource,
  type ObjectRef,
  type RawObject,
  type Resource,
  serviceResource,
} from "../api/index.ts";
import { fieldAt, textAt } from "./fields.ts";
import type { AdmissionRequest } from "./types.ts";

/** What an object of ours refers to, read when it is written: too much to be cached for the whole cluster. */
export type Surroundings = Readonly<Record<Role, Seen>>;
/** `target` and `scaler` of a Canary, `secret` of a MetricTemplate or an AlertProvider. */
export type Role = "target" | "scaler" | "secret";
/** Unknown when it could not be read in time, or may not be read: nothing is said about it then. */
export type Seen = RawObject | "absent" | "unknown";

export const nothingSeen: Surroundings = { target: "unknown", scaler: "unknown", secret: "unknown" };

const resources: Readonly<Record<string, Resource>> = {
  Deployment: { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" },
  DaemonSet: { group: "apps", version: "v1", plural: "daemonsets", kind: "DaemonSet" },
  Service: serviceResource,
  "Knative Service": knativeServiceResource,
  HorizontalPodAutoscaler: {
    group: "autoscaling",
    version: "v2",
    plural: "horizontalpodautoscalers",
    kind: "HorizontalPodAutoscaler",
  },
  ScaledObject: { group: "keda.sh", version: "v1alpha1", plural: "scaledobjects", kind: "ScaledObject" },
  Secret: { group: "", version: "v1", plural: "secrets", kind: "Secret" },
};

/** What to read before a write is judged. Nothing for other kinds than ours, and for what is going away. */
export function referencesOf(request: AdmissionRequest): ReadonlyMap<Role, ObjectRef> {
  const { object, kind, namespace = "", operation, subResource } = request;
  const found = new Map<Role, ObjectRef>();
  const judged = kind.group === apiGroup && operation !== "DELETE" && subResource === undefined;
  if (!judged || fieldAt(object, "metadata", "deletionTimestamp") !== undefined) {
    return found;
  }
  const add = (role: Role, kindOf: string | undefined, name: string | undefined): void => {
    const resource = kindOf !== undefined && Object.hasOwn(resources, kindOf) ? resources[kindOf] : undefined;
    // The API server would take an overlong or empty name for something else; the schema refuses it anyway.
    if (resource !== undefined && name !== undefined && /^[a-z0-9][-a-z0-9.]{0,252}$/.test(name)) {
      found.set(role, { resource, namespace, name });
    }
  };
  if (kind.kind === "Canary") {
    const apiVersion = textAt(object, "spec", "targetRef", "apiVersion") ?? "";
    const targetKind = textAt(object, "spec", "targetRef", "kind");
    const isOfKnative = targetKind === "Service" && apiVersion === apiVersionOf(knativeServiceResource);
    add("target", isOfKnative ? "Knative Service" : targetKind, textAt(object, "spec", "targetRef", "name"));
    add("scaler", textAt(object, "spec", "autoscalerRef", "kind"), textAt(object, "spec", "autoscalerRef", "name"));
  } else {
    add("secret", "Secret", textAt(object, "spec", ...secretPath(kind.kind)));
  }
  return found;
}

function secretPath(kind: string): readonly string[] {
  return kind === "MetricTemplate" ? ["provider", "secretRef", "name"] : ["secretRef", "name"];
}
