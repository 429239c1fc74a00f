import { type Canary, selectorLabels, targetName, targetPort } from "../api/index.ts";
import { type Fields, fieldAt, isFields, textAt } from "./fields.ts";
import { type Finding, shown } from "./schemaWalk.ts";
import type { Role, Surroundings } from "./surroundings.ts";
import { warning } from "./warning.ts";

/** An autoscaler that scales something else than the target: the primary's copy of it would follow the wrong load. */
export function scalerFindings(canary: Canary, around: Surroundings | undefined): readonly Finding[] {
  const scaler = seen(around, "scaler", canary.spec.autoscalerRef);
  const { kind, name } = canary.spec.targetRef;
  const scales = textAt(scaler, "spec", "scaleTargetRef", "name");
  // KEDA means a Deployment when it says nothing.
  const scaledKind = textAt(scaler, "spec", "scaleTargetRef", "kind") || "Deployment";
  if (scaler === undefined || scales === undefined || (scales === name && scaledKind === kind)) {
    return [];
  }
  const value = canary.spec.autoscalerRef?.name;
  const what = `it scales ${scaledKind} ${scales}, not ${kind} ${name}: refer to the autoscaler of the target`;
  return [
    {
      issue: {
        field: "spec.autoscalerRef.name",
        reason: "FieldValueInvalid",
        message: `Invalid value: ${shown(value)}: ${what}`,
      },
      value,
    },
  ];
}

/** What the workload and the autoscaler lack. Warnings: Canary and workload are often applied together, in any order. */
export function workloadWarnings(canary: Canary, around: Surroundings | undefined): readonly string[] {
  const { targetRef, autoscalerRef } = canary.spec;
  const { namespace = "" } = canary.metadata;
  const there = (role: Role, ref: { readonly kind: string; readonly name: string } | undefined, then: string) =>
    around?.[role] === "absent" && ref !== undefined
      ? [`there is no ${ref.kind} ${ref.name} in namespace ${namespace} yet: ${then}`]
      : [];
  const target = seen(around, "target", targetRef);
  const lacks =
    target === undefined || targetRef.kind === "Service"
      ? []
      : [...selectorAdvice(canary, target), ...portAdvice(canary, target)];
  return [
    ...there("target", targetRef, "the Canary waits for it"),
    ...there("scaler", autoscalerRef, "the primary gets none until there is"),
    ...lacks,
  ].map(warning);
}

/** The object in a role, if it is the one that is referred to: an update's old object may have referred to another. */
function seen(around: Surroundings | undefined, role: Role, ref: { readonly name: string } | undefined) {
  const found = around?.[role];
  return typeof found === "object" && found.metadata.name === ref?.name ? found : undefined;
}

function selectorAdvice(canary: Canary, target: unknown): readonly string[] {
  const { kind, name } = canary.spec.targetRef;
  const labels = fieldAt(target, "spec", "selector", "matchLabels");
  const known = isFields(labels) && selectorLabels.some((label) => Object.hasOwn(labels, label));
  const onDelete = kind === "DaemonSet" && textAt(target, "spec", "updateStrategy", "type") === "OnDelete";
  return [
    ...(known ? [] : [`the selector of ${kind} ${name} has none of ${selectorLabels.join(", ")}: it gets no primary`]),
    ...(onDelete ? [`DaemonSet ${name} updates OnDelete: use RollingUpdate, or its pods stay as they are`] : []),
  ];
}

/** Whether the generated Services reach a port of the pods. A number that no container declares may still be open. */
function portAdvice(canary: Canary, target: unknown): readonly string[] {
  const { kind } = canary.spec.targetRef;
  const port = targetPort(canary);
  const declared = portsIn(target);
  const of = `${kind} ${targetName(canary)}`;
  if (typeof port === "string") {
    return declared.some(({ name }) => name === port)
      ? []
      : [`no container of ${of} has a port named ${port} (service.targetPort): its Services reach nothing`];
  }
  const numbers = declared.map(({ containerPort }) => containerPort);
  const which = canary.spec.service?.targetPort ? "service.targetPort" : "service.port";
  return port === 0 || numbers.length === 0 || numbers.includes(port)
    ? []
    : [`no container of ${of} has port ${port} (${which}): it has ${[...new Set(numbers)].join(", ")}`];
}

/** Ports of all containers, sidecars too. */
function portsIn(target: unknown): readonly Fields[] {
  return ["containers", "initContainers"].flatMap((list) => {
    const containers = fieldAt(target, "spec", "template", "spec", list);
    return (Array.isArray(containers) ? containers : []).flatMap((container) => {
      const ports = fieldAt(container, "ports");
      return Array.isArray(ports) ? ports.filter(isFields) : [];
    });
  });
}
