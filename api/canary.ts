import { analysisSchema } from "./analysisSchema.ts";
import type { RawObject } from "./object.ts";
import type { FromSchema, Schema } from "./schema.ts";
import { serviceSchema } from "./serviceSchema.ts";

const objectName = { type: "string", minLength: 1, maxLength: 253 } as const satisfies Schema;
const apiVersion = {
  type: "string",
  maxLength: 317,
  description: "API version of the object.",
} as const satisfies Schema;

/** Every value of `spec.provider`. */
export const providers = [
  "apisix",
  "appmesh",
  "appmesh:v1beta2",
  "contour",
  "gatewayapi:v1",
  "gatewayapi:v1beta1",
  "gloo",
  "istio",
  "knative",
  "kubernetes",
  "kuma",
  "linkerd",
  "nginx",
  "osm",
  "skipper",
  "smi:v1alpha1",
  "smi:v1alpha2",
  "smi:v1alpha3",
  "traefik",
] as const;

export const canarySpecSchema = {
  type: "object",
  required: ["targetRef"],
  description: "What is released, and how.",
  properties: {
    provider: {
      type: "string",
      enum: providers,
      description: "What routes the traffic; the controller's --mesh-provider when empty.",
    },
    metricsServer: {
      type: "string",
      maxLength: 2048,
      description: "Prometheus for built-in checks and inline queries.",
    },
    progressDeadlineSeconds: {
      type: "integer",
      format: "int32",
      description: "Seconds a rollout may take without progress before the release is taken back (default 600).",
    },
    targetRef: {
      type: "object",
      required: ["apiVersion", "kind", "name"],
      description: "The workload whose changes are released.",
      properties: {
        apiVersion,
        kind: { type: "string", enum: ["DaemonSet", "Deployment", "Service"], description: "Kind of the workload." },
        name: { ...objectName, description: "Name of the workload." },
      },
    },
    autoscalerRef: {
      type: "object",
      required: ["apiVersion", "kind", "name"],
      description: "The autoscaler of the target; the primary gets its own copy.",
      properties: {
        apiVersion,
        kind: {
          type: "string",
          enum: ["HorizontalPodAutoscaler", "ScaledObject"],
          description: "Kind of the autoscaler.",
        },
        name: { ...objectName, description: "Name of the autoscaler." },
        primaryScalerQueries: {
          type: "object",
          maxProperties: 64,
          additionalProperties: { type: "string" },
          description: "Queries of the primary's ScaledObject, by trigger name.",
        },
        primaryScalerReplicas: {
          type: "object",
          description: "Bounds of the primary's autoscaler, in place of the target's.",
          properties: {
            minReplicas: { type: "integer", minimum: 1, description: "Least replicas." },
            maxReplicas: { type: "integer", minimum: 1, description: "Most replicas." },
          },
        },
      },
    },
    ingressRef: {
      type: "object",
      required: ["apiVersion", "kind", "name"],
      description: "The Ingress of the target (nginx, skipper).",
      properties: {
        apiVersion,
        kind: { type: "string", enum: ["Ingress"], description: "Kind of the object." },
        name: { ...objectName, description: "Name of the Ingress." },
      },
    },
    routeRef: {
      type: "object",
      required: ["apiVersion", "kind", "name"],
      description: "The ApisixRoute of the target.",
      properties: {
        apiVersion,
        kind: { type: "string", enum: ["ApisixRoute"], description: "Kind of the object." },
        name: { ...objectName, description: "Name of the ApisixRoute." },
      },
    },
    upstreamRef: {
      type: "object",
      required: ["apiVersion", "kind", "name"],
      description: "The Gloo Upstream whose settings the generated ones take over.",
      properties: {
        apiVersion,
        kind: { type: "string", enum: ["Upstream"], description: "Kind of the object." },
        name: { ...objectName, description: "Name of the Upstream." },
        namespace: {
          type: "string",
          maxLength: 63,
          description: "Namespace of the Upstream; the Canary's own when empty.",
        },
      },
    },
    service: serviceSchema,
    analysis: analysisSchema,
    canaryAnalysis: {
      ...analysisSchema,
      description: "Deprecated name of analysis; moved there when the object is written.",
    },
    skipAnalysis: { type: "boolean", description: "Promote new revisions without trying them." },
    revertOnDeletion: { type: "boolean", description: "Give the target its traffic and replicas back on deletion." },
    suspend: { type: "boolean", description: "Pause: nothing advances, nothing is taken back." },
  },
} as const satisfies Schema;

/** Every value of `status.phase`; the empty one is a Canary nobody has looked at yet. */
export const phases = [
  "",
  "Initializing",
  "Initialized",
  "Waiting",
  "Progressing",
  "WaitingPromotion",
  "Promoting",
  "Finalising",
  "Succeeded",
  "Failed",
  "Terminating",
  "Terminated",
] as const;

export const canaryStatusSchema = {
  type: "object",
  description: "How far the release is. Written by the controller.",
  properties: {
    phase: { type: "string", enum: phases, description: "Where the release stands." },
    failedChecks: { type: "integer", description: "Checks that failed since the release began." },
    canaryWeight: { type: "integer", description: "Share of traffic in percent that the canary gets." },
    iterations: { type: "integer", description: "Iterations that are done." },
    observedGeneration: {
      type: "integer",
      format: "int64",
      description: "Generation of the spec that this status is about.",
    },
    sessionAffinityCookie: { type: "string", description: "Cookie of clients on the canary." },
    previousSessionAffinityCookie: { type: "string", description: "Cookie of the release before." },
    primarySessionAffinityCookie: { type: "string", description: "Cookie of clients on the primary." },
    trackedConfigs: {
      type: "object",
      additionalProperties: { type: "string" },
      description: "Checksums of ConfigMaps and Secrets, by kind/name.",
    },
    lastAppliedSpec: { type: "string", description: "Revision that was seen last." },
    lastPromotedSpec: { type: "string", description: "Revision that was promoted last." },
    lastTransitionTime: { type: "string", format: "date-time", description: "When this status changed last." },
    release: {
      type: "object",
      description: "The change that is being released, or was released last.",
      properties: {
        revision: { type: "string", description: "Revision of the target's template." },
        user: { type: "string", description: "Who wrote it; absent when no webhook saw it." },
        groups: { type: "array", items: { type: "string" }, description: "Groups of that user." },
        manager: { type: "string", description: "Field manager it was written with." },
        time: { type: "string", format: "date-time", description: "When it was written." },
        replicas: {
          type: "integer",
          description: "Replicas that the target was given, or had when its release ended.",
        },
      },
    },
    conditions: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
      description: "Promoted: the outcome. Ready, Reconciling, Stalled: what tools wait for.",
      items: {
        type: "object",
        required: ["type", "status", "reason"],
        properties: {
          type: { type: "string", description: "Name of the condition." },
          status: { type: "string", enum: ["True", "False", "Unknown"], description: "True, False or Unknown." },
          reason: { type: "string", description: "One word, for programs." },
          message: { type: "string", description: "One sentence, for people." },
          lastUpdateTime: { type: "string", format: "date-time", description: "When the condition was written last." },
          lastTransitionTime: { type: "string", format: "date-time", description: "When the status changed last." },
          observedGeneration: { type: "integer", format: "int64", description: "Generation of the spec it is about." },
        },
      },
    },
  },
} as const satisfies Schema;

export type Phase = (typeof phases)[number];
export type CanarySpec = FromSchema<typeof canarySpecSchema>;
export type CanaryStatus = FromSchema<typeof canaryStatusSchema>;
export type CanaryCondition = NonNullable<CanaryStatus["conditions"]>[number];
export type Analysis = FromSchema<typeof analysisSchema>;
export type CanaryService = FromSchema<typeof serviceSchema>;
export type CanaryMetric = NonNullable<Analysis["metrics"]>[number];
export type CanaryHook = NonNullable<Analysis["webhooks"]>[number];
export type CanaryAlert = NonNullable<Analysis["alerts"]>[number];
export type SessionAffinity = NonNullable<Analysis["sessionAffinity"]>;
export type AnalysisMatch = NonNullable<Analysis["match"]>[number];

/** A Canary as the API server stores it. Its schema held when it was written; fields may be missing in older objects. */
export interface Canary extends RawObject {
  readonly spec: CanarySpec;
  readonly status?: CanaryStatus;
}
