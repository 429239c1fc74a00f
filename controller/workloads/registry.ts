import { apiVersionOf, type CanarySpec } from "../../api/index.ts";
import { daemonSet } from "./daemonSet.ts";
import { deployment } from "./deployment.ts";
import type { WorkloadKind } from "./workload.ts";

/** Every kind of target we know; a new one is a file and a line here. */
export const workloadKinds: readonly WorkloadKind[] = [deployment, daemonSet];

/** What handles a target of this kind. Undefined: not supported. */
export function workloadKindOf(target: CanarySpec["targetRef"]): WorkloadKind | undefined {
  return workloadKinds.find(
    ({ resource }) => resource.kind === target.kind && apiVersionOf(resource) === target.apiVersion,
  );
}
