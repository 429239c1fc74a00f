import type { AdmissionReason } from "../api/index.ts";
import type { AdmissionRequest, Index } from "./types.ts";

/** The cluster's own hands: to touch their writes can stop the cluster from healing. */
const systemPrefixes = [
  "system:serviceaccount:kube-system:",
  "system:node:",
  "system:kube-controller-manager",
  "system:kube-scheduler",
  "system:apiserver",
];

/** Why the writer's request passes untouched, or undefined. The webhook configuration says the same; this holds without it. */
export function bystander(request: AdmissionRequest, index: Index): AdmissionReason | undefined {
  const user = request.userInfo.username ?? "";
  if (index.controllerUsers.has(user)) {
    return "OwnController";
  }
  return systemPrefixes.some((prefix) => user.startsWith(prefix)) ? "SystemUser" : undefined;
}
