import { apiVersionOf, type CanarySpec, isPlainService } from "../../api/index.ts";
import { daemonSet } from "./daemonSet.ts";
import { deployment } from "./deployment.ts";
import { knativeService } from "./knative.ts";
import { service } from "./service.ts";
import type { WorkloadKind } from "./workload.ts";

/** Every kind of target we know; a new one is a file and a line here. */
export const workloadKinds: readonly WorkloadKind[] = [deployment, daemonSet, service, knativeService];

/** What handles a target of this kind. Undefined: not supported. */
export function workloadKindOf(target: CanarySpec["targetRef"]): WorkloadKind | undefined {
  if (isPlainService(target)) return service;
  return workloadKinds.find(
    ({ resource }) => resource.kind === target.kind && apiVersionOf(resource) === target.apiVersion,
  );
}
