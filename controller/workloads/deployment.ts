import {
  annotations,
  type Canary,
  type Fields,
  fieldsOf,
  numberOf,
  ownerReferenceOf,
  primaryTargetName,
  type RawObject,
  type Resource,
  revisionOf,
  textsOf,
} from "../../api/index.ts";
import { deploymentReadiness } from "./readiness.ts";
import { inherited, primaryTemplate } from "./template.ts";
import type { PrimaryOptions, SelectorLabel, WorkloadKind } from "./workload.ts";

const deploymentResource: Resource = {
  group: "apps",
  version: "v1",
  plural: "deployments",
  kind: "Deployment",
};

/** The revision of a primary that was made by another system. */
const foreignRevision = "foreign";

/**
 * The primary as the target wants it now, for server-side apply by one field manager. Everything in the target's spec is copied but
 * for `paused` (a held target must not hold its primary) and `replicas` (see the options). The same target gives the same bytes: no
 * random ids, so applying twice restarts no pod. Remembers on itself which revision it was made from.
 */
export function primaryDeployment(canary: Canary, target: RawObject, options: PrimaryOptions): RawObject {
  const label = selectorLabel(target, options.selectorLabels);
  if ("obstacle" in label) {
    // Callers ask for the label first; this keeps a mistake from making a primary that takes the target's pods.
    throw new TypeError(label.obstacle);
  }
  const primaryLabel = { [label.key]: `${label.value}-primary` };
  const { paused: _paused, replicas: _replicas, selector: _selector, template, ...spec } = fieldsOf(target["spec"]);
  return {
    apiVersion: "apps/v1",
    kind: deploymentResource.kind,
    metadata: {
      name: primaryTargetName(canary),
      namespace: target.metadata.namespace ?? "",
      labels: { ...inherited(target.metadata.labels, options.includeLabelPrefix), ...primaryLabel },
      annotations: {
        ...inherited(target.metadata.annotations, options.includeLabelPrefix),
        [annotations.revision]: revisionOfTarget(target),
      },
      ownerReferences: [ownerReferenceOf(canary)],
    },
    spec: {
      ...spec,
      ...(options.replicas === undefined ? {} : { replicas: options.replicas }),
      selector: { matchLabels: primaryLabel },
      template: primaryTemplate(template, label),
    },
  };
}

/** The first label of the target's selector that we may use, or the known text that there is none. */
export function selectorLabel(
  target: RawObject,
  selectorLabels: readonly string[],
): SelectorLabel | { readonly obstacle: string } {
  const labels = textsOf(fieldsOf(fieldsOf(target["spec"])["selector"])["matchLabels"]);
  const key = selectorLabels.find((wanted) => labels[wanted] !== undefined);
  const value = key === undefined ? undefined : labels[key];
  if (key === undefined || value === undefined) {
    const { name, namespace } = target.metadata;
    return {
      obstacle: `getSelectorLabel failed: deployment ${name}.${namespace ?? ""} spec.selector.matchLabels must contain one of [${selectorLabels.join(" ")}]`,
    };
  }
  return { key, value };
}

/** The revision of the target's template: what a release is about. */
export function revisionOfTarget(target: RawObject): string {
  return revisionOf(templateOf(target));
}

/** The revision a primary was made from; `foreign` when another system made it and says nothing we understand. */
export function revisionOfPrimary(primary: RawObject): string {
  return primary.metadata.annotations?.[annotations.revision] ?? foreignRevision;
}

function templateOf(target: RawObject): Fields {
  return fieldsOf(fieldsOf(target["spec"])["template"]);
}

function replicas(workload: RawObject): number {
  return numberOf(fieldsOf(workload["spec"])["replicas"]) ?? 1;
}

export const deployment: WorkloadKind = {
  resource: deploymentResource,
  selectorLabel,
  primary: primaryDeployment,
  revisionOfTarget,
  replicas,
  available: (workload) => numberOf(fieldsOf(workload["status"])["availableReplicas"]) ?? 0,
  readiness: deploymentReadiness,
};
