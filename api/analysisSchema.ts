import { durationPattern, type Schema } from "./schema.ts";
import { stringMatchSchema } from "./serviceSchema.ts";

/** Building blocks of `spec.analysis`: how a new revision is tried. */

const duration = { type: "string", maxLength: 32, pattern: durationPattern } as const satisfies Schema;
const objectName = { type: "string", minLength: 1, maxLength: 253 } as const satisfies Schema;
const objectNamespace = { type: "string", maxLength: 63 } as const satisfies Schema;
const stringMatches = {
  type: "object",
  maxProperties: 32,
  additionalProperties: stringMatchSchema,
} as const satisfies Schema;
const percent = { type: "integer", maximum: 100 } as const satisfies Schema;

export const metricSchema = {
  type: "object",
  required: ["name"],
  properties: {
    name: {
      type: "string",
      minLength: 1,
      maxLength: 253,
      description:
        "request-success-rate and request-duration are built in; any other name needs a templateRef or a query.",
    },
    interval: { ...duration, description: "Window of the query (default 1m, for built-in checks)." },
    threshold: {
      type: "number",
      description: "Deprecated, use thresholdRange. Minimum of request-success-rate, maximum of everything else.",
    },
    thresholdRange: {
      type: "object",
      description: "Bounds of the value, inclusive. Below min or above max the check fails.",
      properties: {
        min: { type: "number", description: "Least value that passes." },
        max: { type: "number", description: "Greatest value that passes." },
      },
    },
    query: { type: "string", maxLength: 16384, description: "Deprecated, use templateRef. A Prometheus query." },
    templateRef: {
      type: "object",
      required: ["name"],
      description: "The MetricTemplate that measures.",
      properties: {
        name: { ...objectName, description: "Name of the MetricTemplate." },
        namespace: { ...objectNamespace, description: "Namespace of the MetricTemplate; the Canary's own when empty." },
      },
    },
    templateVariables: {
      type: "object",
      maxProperties: 64,
      additionalProperties: { type: "string" },
      description: "Values that the template reads as {{ variables.name }}.",
    },
  },
} as const satisfies Schema;

export const hookSchema = {
  type: "object",
  required: ["name", "url"],
  properties: {
    name: { type: "string", minLength: 1, maxLength: 253, description: "Name of the hook, as events show it." },
    type: {
      type: "string",
      enum: [
        "",
        "confirm-rollout",
        "pre-rollout",
        "rollout",
        "confirm-traffic-increase",
        "confirm-promotion",
        "post-rollout",
        "event",
        "rollback",
      ],
      description: "When the hook is called (default rollout: on every step).",
    },
    url: { type: "string", minLength: 1, maxLength: 2048, description: "Where the hook is sent by POST." },
    timeout: { ...duration, description: "Time limit of one try (default 10s)." },
    retries: {
      type: "integer",
      minimum: 0,
      maximum: 100,
      description: "Tries after the first one failed (default 0).",
    },
    disableTLS: { type: "boolean", description: "Do not verify the server's certificate." },
    muteAlert: { type: "boolean", description: "Send no alert while this gate is closed." },
    metadata: {
      type: "object",
      maxProperties: 64,
      additionalProperties: { type: "string" },
      description: "Copied to the body of the call.",
    },
  },
} as const satisfies Schema;

export const alertSchema = {
  type: "object",
  required: ["name", "providerRef"],
  properties: {
    name: { type: "string", minLength: 1, maxLength: 253, description: "Name of the alert." },
    severity: {
      type: "string",
      enum: ["", "info", "warn", "error"],
      description: "Least severity that is sent (default info).",
    },
    providerRef: {
      type: "object",
      required: ["name"],
      description: "The AlertProvider that sends it.",
      properties: {
        name: { ...objectName, description: "Name of the AlertProvider." },
        namespace: { ...objectNamespace, description: "Namespace of the AlertProvider; the Canary's own when empty." },
      },
    },
  },
} as const satisfies Schema;

export const sessionAffinitySchema = {
  type: "object",
  required: ["cookieName"],
  description: "Keeps a client on the canary once it was sent there, by a cookie.",
  properties: {
    cookieName: { type: "string", minLength: 1, maxLength: 128, description: "Cookie of clients on the canary." },
    primaryCookieName: {
      type: "string",
      maxLength: 128,
      description: "Cookie of clients on the primary; they are not sticky when empty. Must differ from cookieName.",
    },
    maxAge: { type: "integer", minimum: 0, default: 86400, description: "Life of the cookie in seconds." },
    domain: { type: "string", maxLength: 253, description: "Domain attribute of the cookie." },
    path: { type: "string", maxLength: 1024, description: "Path attribute of the cookie." },
    sameSite: { type: "string", enum: ["Strict", "Lax", "None"], description: "SameSite attribute of the cookie." },
    httpOnly: { type: "boolean", description: "Adds HttpOnly." },
    partitioned: { type: "boolean", description: "Adds Partitioned." },
    secure: { type: "boolean", description: "Adds Secure." },
  },
} as const satisfies Schema;

export const analysisSchema = {
  type: "object",
  required: ["interval", "threshold"],
  description: "How a new revision is tried before it is promoted.",
  properties: {
    interval: { ...duration, description: "Time between two steps, for example 30s or 1m30s (at least 1s)." },
    threshold: { type: "integer", description: "Failed checks after which the release is taken back (at least 1)." },
    maxWeight: { ...percent, description: "Share of traffic in percent at which promotion starts (default 100)." },
    stepWeight: { ...percent, minimum: 1, description: "How many percent each step adds." },
    stepWeights: {
      type: "array",
      minItems: 1,
      maxItems: 100,
      items: { ...percent, minimum: 1 },
      description: "The share of traffic in percent at each step, rising.",
    },
    stepWeightPromotion: {
      ...percent,
      minimum: 0,
      description: "How many percent each step takes back to the promoted primary (default: all at once).",
    },
    iterations: {
      type: "integer",
      minimum: 1,
      maximum: 100000,
      description: "Number of checks for blue/green, or for A/B testing together with match.",
    },
    mirror: { type: "boolean", description: "Send a copy of live requests to the canary and drop its answers." },
    mirrorWeight: { ...percent, minimum: 0, description: "Share of requests in percent to mirror (default 100)." },
    primaryReadyThreshold: {
      ...percent,
      minimum: 0,
      description: "Share of primary pods in percent that must be available (default 100).",
    },
    canaryReadyThreshold: {
      ...percent,
      minimum: 0,
      description: "Share of canary pods in percent that must be available (default 100).",
    },
    match: {
      type: "array",
      maxItems: 32,
      description: "Requests that go to the canary in A/B testing.",
      items: {
        type: "object",
        properties: {
          headers: { ...stringMatches, description: "Matches of request headers, by name." },
          queryParams: { ...stringMatches, description: "Matches of query parameters, by name." },
          sourceLabels: {
            type: "object",
            maxProperties: 32,
            additionalProperties: { type: "string" },
            description: "Labels of the calling workload (Istio).",
          },
        },
      },
    },
    metrics: { type: "array", maxItems: 64, items: metricSchema, description: "Checks made at every step." },
    webhooks: { type: "array", maxItems: 64, items: hookSchema, description: "Hooks called during a release." },
    alerts: { type: "array", maxItems: 32, items: alertSchema, description: "Who is told about a release." },
    sessionAffinity: sessionAffinitySchema,
  },
} as const satisfies Schema;
