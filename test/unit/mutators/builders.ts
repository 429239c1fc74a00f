import type { Canary, CanarySpec, Phase, RawObject } from "../../../api/index.ts";
import type { AdmissionRequest, Index } from "../../../mutators/types.ts";

export interface CanaryParts {
  readonly name?: string;
  readonly target?: string;
  readonly phase?: Phase;
  readonly promoted?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: Partial<CanarySpec>;
}

/** A Canary of `podinfo` in `demo`: 5% → 50% by 5 every 10s. */
export function aCanary({ name = "podinfo", target = name, phase = "Succeeded", ...parts }: CanaryParts = {}): Canary {
  return {
    apiVersion: "flagger.app/v1beta1",
    kind: "Canary",
    metadata: {
      name,
      namespace: "demo",
      ...(parts.annotations === undefined ? {} : { annotations: parts.annotations }),
    },
    spec: {
      targetRef: { apiVersion: "apps/v1", kind: "Deployment", name: target },
      service: { port: 9898 },
      analysis: { interval: "10s", threshold: 5, maxWeight: 50, stepWeight: 5 },
      ...parts.spec,
    },
    status: { phase, ...(parts.promoted === undefined ? {} : { lastPromotedSpec: parts.promoted }) },
  };
}

function aNeighbour(kind: string, namespace: string, name: string, spec: object): RawObject {
  return { apiVersion: "flagger.app/v1beta1", kind, metadata: { namespace, name }, spec };
}

/** An index over the given Canaries, all in namespace `demo`. */
export function anIndex(canaries: readonly Canary[] = [], settings: Partial<Index> = {}): Index {
  return {
    canariesFor: (_namespace, kind, name) =>
      canaries.filter(({ spec }) => spec.targetRef.kind === kind && spec.targetRef.name === name),
    canariesIn: () => canaries,
    canaries: () => canaries,
    metricTemplate: (namespace, name) => aNeighbour("MetricTemplate", namespace, name, { query: "up" }),
    alertProvider: (namespace, name) => aNeighbour("AlertProvider", namespace, name, {}),
    provider: "",
    crossNamespaceRefs: true,
    controllerUsers: new Set(["weir-controller"]),
    ...settings,
  };
}

export interface DeploymentParts {
  readonly image?: string;
  readonly replicas?: number;
  readonly paused?: boolean;
  readonly ready?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  /** When managedFields say that it was written. */
  readonly time?: string;
}

/** The Deployment `podinfo`, as a review carries it. */
export function aDeployment({
  image = "podinfo:6.0.0",
  replicas = 0,
  ready = 0,
  ...parts
}: DeploymentParts = {}): RawObject {
  const labels = { app: "podinfo" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name: "podinfo",
      namespace: "demo",
      labels,
      ...(parts.annotations === undefined ? {} : { annotations: parts.annotations }),
      managedFields: [
        { manager: "kubectl", operation: "Update", time: parts.time ?? "2026-01-01T10:00:00Z" },
        {
          manager: "kube-controller-manager",
          operation: "Update",
          subresource: "status",
          time: "2026-01-01T23:00:00Z",
        },
      ],
    },
    spec: {
      replicas,
      ...(parts.paused === undefined ? {} : { paused: parts.paused }),
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "podinfod", image }] } },
    },
    status: { readyReplicas: ready },
  };
}

/** A review of an update (or a create, with `old` null) in namespace `demo`. */
export function aReview(object: unknown, old: unknown, parts: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return {
    uid: "0",
    kind: { group: "apps", version: "v1", kind: "Deployment" },
    name: "podinfo",
    namespace: "demo",
    operation: old === null ? "CREATE" : "UPDATE",
    userInfo: { username: "jane" },
    object,
    oldObject: old,
    dryRun: false,
    ...parts,
  };
}
