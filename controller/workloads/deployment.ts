import { type Canary, fieldsOf, numberOf, primaryTargetName, type RawObject, type Resource } from "../../api/index.ts";
import { podServices } from "./podServices.ts";
import {
  labelObstacle,
  primaryWorkload,
  revisionOfPrimary,
  revisionOfTarget,
  templateOf,
  templateWithoutOthers,
} from "./primary.ts";
import { deploymentReadiness } from "./readiness.ts";
import type { PrimaryOptions, WorkloadKind } from "./workload.ts";

const deploymentResource: Resource = {
  group: "apps",
  version: "v1",
  plural: "deployments",
  kind: "Deployment",
};

/** Everything in the target's spec is copied but for `paused` (a held target must not hold its primary) and `replicas` (see the options). */
export function primaryDeployment(canary: Canary, target: RawObject, options: PrimaryOptions): RawObject {
  const { paused: _paused, replicas: _replicas, selector: _selector, template: _, ...spec } = fieldsOf(target["spec"]);
  return primaryWorkload(deploymentResource, canary, target, options, {
    ...spec,
    ...(options.replicas === undefined ? {} : { replicas: options.replicas }),
  });
}

function replicas(workload: RawObject): number {
  return numberOf(fieldsOf(workload["spec"])["replicas"]) ?? 1;
}

export const deployment: WorkloadKind = {
  resource: deploymentResource,
  obstacle: labelObstacle,
  primaryName: primaryTargetName,
  primary: primaryDeployment,
  withoutOthers: templateWithoutOthers,
  revisionOfTarget,
  revisionOfPrimary,
  template: templateOf,
  services: podServices,
  sizing: {
    replicas,
    // Through the scale subresource: at 0 it leaves `spec.replicas` without an owner (kube/FACTS.md), so that a user's own
    // server-side apply, which states the field, meets no conflict.
    scaled: (count) => ({ patch: { spec: { replicas: count } }, subresource: "scale" }),
  },
  available: (workload) => numberOf(fieldsOf(workload["status"])["availableReplicas"]) ?? 0,
  readiness: deploymentReadiness,
};
