/** Rules of what makes pods. */
import type { FieldError, KubeObject } from "../../types.ts";
import type { Json } from "../defaults/fill.ts";
import { forbidden, immutable, invalid, notNegative, notSupported, required } from "./errors.ts";
import { labelErrors, selectorErrors, selects } from "./meta.ts";
import { podSpecErrors } from "./pod.ts";

/** Selector and template: shared by everything that keeps pods running. */
function podSourceErrors(spec: Json, kind: string): FieldError[] {
  const { selector, template } = spec;
  const errors: FieldError[] = [];
  const isEmpty = Object.keys(selector ?? {}).length === 0;
  if (selector === undefined) errors.push(required("spec.selector"));
  else if (isEmpty) errors.push(invalid("spec.selector", selector, `empty selector is invalid for ${kind}`));
  else errors.push(...selectorErrors("spec.selector", selector));
  const labels = template?.metadata?.labels;
  const mismatch = "`selector` does not match template `labels`";
  if (!(isEmpty && selector !== undefined) && !selects(selector, labels)) {
    errors.push(invalid("spec.template.metadata.labels", labels, mismatch));
  }
  errors.push(...labelErrors("spec.template.metadata.labels", labels));
  errors.push(...podSpecErrors("spec.template.spec", template?.spec));
  const restartPolicy = template?.spec?.restartPolicy;
  if (restartPolicy !== undefined && restartPolicy !== "Always") {
    errors.push(notSupported("spec.template.spec.restartPolicy", restartPolicy, ["Always"]));
  }
  return errors;
}

function countErrors(spec: Json): FieldError[] {
  return ["minReadySeconds", "revisionHistoryLimit"].flatMap((name) => notNegative(`spec.${name}`, spec[name]));
}

export function deploymentErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = object["spec"] ?? {};
  const { progressDeadlineSeconds, minReadySeconds = 0 } = spec;
  const errors = [
    ...notNegative("spec.replicas", spec.replicas),
    ...podSourceErrors(spec, "deployment"),
    ...strategyErrors(spec.strategy ?? {}),
    ...countErrors(spec),
    ...notNegative("spec.progressDeadlineSeconds", progressDeadlineSeconds),
  ];
  if (typeof progressDeadlineSeconds === "number" && progressDeadlineSeconds <= minReadySeconds) {
    const why = "must be greater than minReadySeconds";
    errors.push(invalid("spec.progressDeadlineSeconds", progressDeadlineSeconds, why));
  }
  if (old !== undefined) errors.push(...immutable("spec.selector", spec.selector, old["spec"]?.selector));
  return errors;
}

function strategyErrors({ type, rollingUpdate }: Json): FieldError[] {
  if (type === "Recreate") {
    const why = "may not be specified when strategy `type` is 'Recreate'";
    return rollingUpdate === undefined ? [] : [forbidden("spec.strategy.rollingUpdate", why)];
  }
  if (type !== "RollingUpdate") {
    const value = { Type: type, RollingUpdate: rollingUpdate ?? null };
    return [notSupported("spec.strategy", value, ["Recreate", "RollingUpdate"])];
  }
  return rollingErrors("spec.strategy.rollingUpdate", rollingUpdate);
}

function rollingErrors(field: string, rollingUpdate: Json): FieldError[] {
  if (rollingUpdate === undefined) return [required(field, "this should be defaulted and never be nil")];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const errors = [
    ...shareErrors(`${field}.maxUnavailable`, maxUnavailable),
    ...shareErrors(`${field}.maxSurge`, maxSurge),
  ];
  if (isZeroShare(maxUnavailable) && isZeroShare(maxSurge)) {
    const why = "may not be 0 when `maxSurge` is 0";
    errors.push(invalid(`${field}.maxUnavailable`, maxUnavailable, why));
  }
  return errors;
}

const percentText =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for " +
  "validation is '[0-9]+%')";

/** A count or a percentage of pods. */
function shareErrors(field: string, share: unknown): FieldError[] {
  if (typeof share === "string") return /^[0-9]+%$/.test(share) ? [] : [invalid(field, share, percentText)];
  return notNegative(field, share);
}

function isZeroShare(share: unknown): boolean {
  return share === 0 || share === undefined || (typeof share === "string" && Number.parseInt(share, 10) === 0);
}

export function replicaSetErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = object["spec"] ?? {};
  const errors = [
    ...notNegative("spec.replicas", spec.replicas),
    ...notNegative("spec.minReadySeconds", spec.minReadySeconds),
    ...podSourceErrors(spec, "ReplicaSet"),
  ];
  if (old !== undefined) errors.push(...immutable("spec.selector", spec.selector, old["spec"]?.selector));
  return errors;
}

export function daemonSetErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = object["spec"] ?? {};
  const errors = [...podSourceErrors(spec, "daemonset"), ...countErrors(spec)];
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  if (type === "RollingUpdate") errors.push(...rollingErrors("spec.updateStrategy.rollingUpdate", rollingUpdate));
  else if (type !== "OnDelete") {
    errors.push(notSupported("spec.updateStrategy", type ?? "", ["RollingUpdate", "OnDelete"]));
  }
  if (old !== undefined) errors.push(...immutable("spec.selector", spec.selector, old["spec"]?.selector));
  return errors;
}

/** No count of pods may be negative, or greater than that of all. */
export function statusCountErrors(object: KubeObject): FieldError[] {
  const status = object["status"] ?? {};
  const { replicas = 0 } = status;
  const parts = ["updatedReplicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
  const errors = ["replicas", ...parts, "unavailableReplicas"].flatMap((name) =>
    notNegative(`status.${name}`, status[name]),
  );
  for (const name of parts) {
    const count = status[name];
    if (count > replicas) errors.push(invalid(`status.${name}`, count, "cannot be greater than status.replicas"));
  }
  if ((status.availableReplicas ?? 0) > (status.readyReplicas ?? 0)) {
    const why = "cannot be greater than readyReplicas";
    errors.push(invalid("status.availableReplicas", status.availableReplicas, why));
  }
  return errors;
}

const statefulSetMutable = [
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
];

export function statefulSetErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = object["spec"] ?? {};
  const errors = [
    ...notNegative("spec.replicas", spec.replicas),
    ...podSourceErrors(spec, "statefulset"),
    ...countErrors(spec),
  ];
  if (old === undefined || fixedPart(spec) === fixedPart(old["spec"])) return errors;
  const list = `'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds'`;
  return [...errors, forbidden("spec", `updates to statefulset spec for fields other than ${list} are forbidden`)];
}

function fixedPart(spec: Json): string {
  return JSON.stringify(Object.entries(spec ?? {}).filter(([name]) => !statefulSetMutable.includes(name)));
}

export function jobErrors(object: KubeObject): FieldError[] {
  const spec = object["spec"] ?? {};
  const restartPolicy = spec.template?.spec?.restartPolicy;
  const errors = podSpecErrors("spec.template.spec", spec.template?.spec);
  if (restartPolicy !== "OnFailure" && restartPolicy !== "Never") {
    errors.push(notSupported("spec.template.spec.restartPolicy", restartPolicy ?? "", ["OnFailure", "Never"]));
  }
  return errors;
}
