import {
  type Canary,
  fieldsOf,
  knownKeys,
  numberOf,
  primaryTargetName,
  type RawObject,
  type Resource,
} from "../../api/index.ts";
import { podServices } from "./podServices.ts";
import {
  labelObstacle,
  primaryWorkload,
  revisionOfPrimary,
  revisionOfTarget,
  templateOf,
  templateWithoutOthers,
} from "./primary.ts";
import { daemonSetReadiness } from "./readiness.ts";
import type { PrimaryOptions, WorkloadKind } from "./workload.ts";

const daemonSetResource: Resource = { group: "apps", version: "v1", plural: "daemonsets", kind: "DaemonSet" };

function primaryDaemonSet(canary: Canary, target: RawObject, options: PrimaryOptions): RawObject {
  const { selector: _selector, template: _template, ...spec } = fieldsOf(target["spec"]);
  return primaryWorkload(daemonSetResource, canary, target, options, spec);
}

/** Nodes decide how many pods there are; what we decide is whether there are any. */
function isParked(workload: RawObject): boolean {
  return knownKeys.scaleToZeroNode in fieldsOf(fieldsOf(templateOf(workload)["spec"])["nodeSelector"]);
}

/** With other strategies the pods of a new revision would never come, or come when somebody deletes one. */
function strategyObstacle(target: RawObject): string | undefined {
  const type = fieldsOf(fieldsOf(target["spec"])["updateStrategy"])["type"] ?? "";
  const { name, namespace } = target.metadata;
  return type === "" || type === "RollingUpdate"
    ? undefined
    : `createPrimaryDaemonSet failed: daemonset ${name}.${namespace ?? ""} must have RollingUpdate strategy but have ${String(type)}`;
}

export const daemonSet: WorkloadKind = {
  resource: daemonSetResource,
  obstacle: (target, options) => strategyObstacle(target) ?? labelObstacle(target, options),
  primaryName: primaryTargetName,
  primary: primaryDaemonSet,
  withoutOthers: templateWithoutOthers,
  revisionOfTarget,
  revisionOfPrimary,
  template: templateOf,
  services: podServices,
  sizing: {
    replicas: (workload) => (isParked(workload) ? 0 : 1),
    // A label that no node has: no pod fits anywhere.
    scaled: (count) => ({
      patch: {
        spec: { template: { spec: { nodeSelector: { [knownKeys.scaleToZeroNode]: count === 0 ? "true" : null } } } },
      },
    }),
  },
  available: (workload) => numberOf(fieldsOf(workload["status"])["numberAvailable"]) ?? 0,
  readiness: (workload, options) => daemonSetReadiness(workload, isParked(workload), options),
};
