import type { Schema } from "./schema.ts";

/** Building blocks of `spec.service`: the fields that routers hand on to the routing projects. */

const text = { type: "string", maxLength: 2048 } as const satisfies Schema;
const texts = { type: "array", maxItems: 64, items: text } as const satisfies Schema;
const textMap = {
  type: "object",
  maxProperties: 128,
  additionalProperties: { type: "string" },
} as const satisfies Schema;
const integer = { type: "integer" } as const satisfies Schema;
const flag = { type: "boolean" } as const satisfies Schema;

/** How a string is compared; at most one of the keys. */
export const stringMatchSchema = {
  type: "object",
  description: "How the value is compared. Give one of exact, prefix, suffix and regex.",
  properties: {
    exact: { type: "string", maxLength: 1024, description: "The whole value." },
    prefix: { type: "string", maxLength: 1024, description: "What the value starts with." },
    suffix: { type: "string", maxLength: 1024, description: "What the value ends with." },
    regex: { type: "string", maxLength: 1024, description: "A regular expression (RE2) for the whole value." },
  },
} as const satisfies Schema;

const stringMatches = {
  type: "object",
  maxProperties: 32,
  additionalProperties: stringMatchSchema,
} as const satisfies Schema;

export const serviceMatchSchema = {
  type: "array",
  maxItems: 32,
  description: "Which requests the generated route takes. Empty means all.",
  items: {
    type: "object",
    properties: {
      name: { ...text, description: "A name for this match." },
      uri: { ...stringMatchSchema, description: "Match of the path." },
      scheme: { ...stringMatchSchema, description: "Match of the scheme." },
      method: { ...stringMatchSchema, description: "Match of the method." },
      authority: { ...stringMatchSchema, description: "Match of the host." },
      headers: { ...stringMatches, description: "Matches of request headers, by name in lower case." },
      withoutHeaders: { ...stringMatches, description: "Headers that must not match." },
      queryParams: { ...stringMatches, description: "Matches of query parameters, by name." },
      ignoreUriCase: { ...flag, description: "Compare the path without regard to case." },
      port: { ...integer, description: "The port the client asked for." },
      gateways: { ...texts, description: "Istio gateways this match belongs to." },
      sourceLabels: { ...textMap, description: "Labels of the calling workload." },
      sourceNamespace: { ...text, description: "Namespace of the calling workload." },
    },
  },
} as const satisfies Schema;

export const gatewayRefsSchema = {
  type: "array",
  maxItems: 32,
  description: "Gateways that the generated HTTPRoute attaches to. Needed for provider gatewayapi.",
  items: {
    type: "object",
    required: ["name"],
    properties: {
      group: {
        type: "string",
        default: "gateway.networking.k8s.io",
        maxLength: 253,
        pattern: "^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        description: "API group of the parent.",
      },
      kind: {
        type: "string",
        default: "Gateway",
        minLength: 1,
        maxLength: 63,
        pattern: "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$",
        description: "Kind of the parent.",
      },
      name: { type: "string", minLength: 1, maxLength: 253, description: "Name of the parent." },
      namespace: {
        type: "string",
        minLength: 1,
        maxLength: 63,
        pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description: "Namespace of the parent; the Canary's own when empty.",
      },
      sectionName: { type: "string", minLength: 1, maxLength: 253, description: "Listener of the Gateway." },
      port: { type: "integer", format: "int32", minimum: 1, maximum: 65535, description: "Port of the listener." },
    },
  },
} as const satisfies Schema;

const headerOperations = {
  type: "object",
  properties: {
    add: { ...textMap, description: "Headers to append." },
    set: { ...textMap, description: "Headers to overwrite." },
    remove: { ...texts, description: "Headers to take away." },
  },
} as const satisfies Schema;

export const headersSchema = {
  type: "object",
  description: "Changes of headers on the way through the route.",
  properties: {
    request: { ...headerOperations, description: "Changes of request headers." },
    response: { ...headerOperations, description: "Changes of response headers." },
  },
} as const satisfies Schema;

export const rewriteSchema = {
  type: "object",
  description: "Rewrites the request before it is forwarded.",
  properties: {
    uri: { ...text, description: "The new path." },
    authority: { ...text, description: "The new host." },
    type: { ...text, description: "ReplacePrefixMatch, or ReplaceFullPath (the default)." },
  },
} as const satisfies Schema;

export const retriesSchema = {
  type: "object",
  description: "Retries of failed requests.",
  properties: {
    attempts: { type: "integer", format: "int32", minimum: 0, description: "Number of retries." },
    perTryTimeout: { ...text, description: "Time limit of each try." },
    retryOn: { ...text, description: "Conditions to retry on, separated by commas." },
  },
} as const satisfies Schema;

export const mirrorSchema = {
  type: "array",
  maxItems: 16,
  description: "Backends that get a copy of every request (Gateway API).",
  items: {
    type: "object",
    properties: {
      backendRef: {
        type: "object",
        required: ["name"],
        description: "Where the copies go.",
        properties: {
          group: { type: "string", default: "", maxLength: 253, description: "API group; empty for a Service." },
          kind: {
            type: "string",
            default: "Service",
            minLength: 1,
            maxLength: 63,
            description: "Kind of the backend.",
          },
          name: { type: "string", minLength: 1, maxLength: 253, description: "Name of the backend." },
          namespace: { type: "string", minLength: 1, maxLength: 63, description: "Namespace of the backend." },
          port: {
            type: "integer",
            format: "int32",
            minimum: 1,
            maximum: 65535,
            description: "Port; needed for a Service.",
          },
        },
      },
    },
  },
} as const satisfies Schema;

export const corsPolicySchema = {
  type: "object",
  description: "Cross-origin resource sharing.",
  properties: {
    allowCredentials: { ...flag, description: "Whether the caller may send credentials." },
    allowHeaders: { ...texts, description: "Request headers that are allowed." },
    allowMethods: { ...texts, description: "Methods that are allowed." },
    allowOrigin: { ...texts, description: "Origins that are allowed, as they are." },
    allowOrigins: { type: "array", maxItems: 64, items: stringMatchSchema, description: "Origins that are allowed." },
    exposeHeaders: { ...texts, description: "Response headers the browser may show." },
    maxAge: { ...text, description: "How long a preflight answer is kept." },
  },
} as const satisfies Schema;

const consistentHash = {
  type: "object",
  description: "Session stickiness by hash.",
  properties: {
    httpHeaderName: text,
    httpQueryParameterName: text,
    useSourceIp: flag,
    minimumRingSize: integer,
    httpCookie: { type: "object", properties: { name: text, path: text, ttl: text } },
  },
} as const satisfies Schema;

const localityLbSetting = {
  type: "object",
  description: "Load balancing by locality.",
  properties: {
    enabled: flag,
    distribute: {
      type: "array",
      maxItems: 64,
      items: {
        type: "object",
        properties: {
          from: text,
          to: { type: "object", maxProperties: 64, additionalProperties: { type: "integer" } },
        },
      },
    },
    failover: { type: "array", maxItems: 64, items: { type: "object", properties: { from: text, to: text } } },
  },
} as const satisfies Schema;

export const trafficPolicySchema = {
  type: "object",
  description: "Istio traffic policy for the generated DestinationRules.",
  properties: {
    connectionPool: {
      type: "object",
      properties: {
        http: {
          type: "object",
          properties: {
            h2UpgradePolicy: { type: "string", enum: ["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"] },
            http1MaxPendingRequests: integer,
            http2MaxRequests: integer,
            idleTimeout: text,
            maxRequestsPerConnection: integer,
            maxRetries: integer,
          },
        },
      },
    },
    loadBalancer: {
      type: "object",
      properties: {
        simple: {
          type: "string",
          enum: ["ROUND_ROBIN", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "LEAST_REQUEST"],
          description: "A plain load balancing algorithm.",
        },
        consistentHash,
        localityLbSetting,
        warmupDurationSecs: text,
      },
    },
    outlierDetection: {
      type: "object",
      properties: {
        baseEjectionTime: text,
        consecutive5xxErrors: integer,
        consecutiveErrors: integer,
        consecutiveGatewayErrors: integer,
        consecutiveLocalOriginFailures: integer,
        interval: text,
        maxEjectionPercent: integer,
        minHealthPercent: integer,
        splitExternalLocalOriginErrors: flag,
      },
    },
    tls: {
      type: "object",
      properties: {
        mode: { type: "string", enum: ["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"] },
        caCertificates: text,
        clientCertificate: text,
        privateKey: text,
        sni: text,
        subjectAltNames: texts,
      },
    },
  },
} as const satisfies Schema;

const labelsAndAnnotations = {
  type: "object",
  properties: {
    labels: { ...textMap, description: "Labels to add." },
    annotations: { ...textMap, description: "Annotations to add." },
  },
} as const satisfies Schema;

export const serviceSchema = {
  type: "object",
  required: ["port"],
  description: "The Services and the route that are generated for the target.",
  properties: {
    name: {
      type: "string",
      maxLength: 55,
      description: "Name of the Service users call; the target's name when empty. Keep it once it is set.",
    },
    port: { type: "integer", format: "int32", minimum: 1, maximum: 65535, description: "Port of the Services." },
    portName: { type: "string", maxLength: 63, description: "Name of the port (default http)." },
    targetPort: { "x-kubernetes-int-or-string": true, description: "Container port, number or name (default: port)." },
    appProtocol: { type: "string", maxLength: 63, description: "Application protocol of the port." },
    trafficDistribution: {
      type: "string",
      enum: ["PreferClose", "PreferSameZone", "PreferSameNode"],
      description: "Which endpoints the Services prefer.",
    },
    portDiscovery: { ...flag, description: "Add all container ports to the Services." },
    headless: { ...flag, description: "Make the Services headless." },
    timeout: { ...text, description: "Time limit of a request, for example 15s." },
    backendTimeout: { ...text, description: "Time limit of one try at a backend (Gateway API)." },
    gateways: { ...texts, description: "Istio gateways that the route belongs to (default mesh)." },
    gatewayRefs: gatewayRefsSchema,
    hosts: { ...texts, description: "Host names of the route." },
    delegation: { ...flag, description: "Make an Istio delegate route, without hosts and gateways." },
    match: serviceMatchSchema,
    rewrite: rewriteSchema,
    retries: retriesSchema,
    headers: headersSchema,
    mirror: mirrorSchema,
    corsPolicy: corsPolicySchema,
    trafficPolicy: trafficPolicySchema,
    meshName: { ...text, description: "App Mesh mesh." },
    backends: { ...texts, description: "App Mesh backends." },
    apex: { ...labelsAndAnnotations, description: "Labels and annotations of the Service users call." },
    primary: { ...labelsAndAnnotations, description: "Labels and annotations of the primary Service." },
    canary: { ...labelsAndAnnotations, description: "Labels and annotations of the canary Service." },
    unmanagedMetadata: {
      type: "object",
      description: "Labels and annotations of the Services that others own.",
      properties: {
        labels: { ...texts, description: "Keys of labels to leave alone." },
        annotations: { ...texts, description: "Keys of annotations to leave alone." },
      },
    },
  },
} as const satisfies Schema;
