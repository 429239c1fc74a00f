import type { RawObject } from "./object.ts";
import type { FromSchema, Schema } from "./schema.ts";

export const metricProviderTypes = [
  "prometheus",
  "influxdb",
  "datadog",
  "externalmetrics",
  "stackdriver",
  "cloudwatch",
  "newrelic",
  "graphite",
  "dynatrace",
  "keptn",
  "splunk",
] as const;

export const metricTemplateSpecSchema = {
  type: "object",
  required: ["provider", "query"],
  description: "A query that Canaries can measure with.",
  properties: {
    provider: {
      type: "object",
      required: ["type"],
      description: "Who answers the query.",
      properties: {
        type: { type: "string", enum: metricProviderTypes, description: "Kind of metrics system." },
        address: { type: "string", maxLength: 2048, description: "URL of its API." },
        headers: {
          type: "object",
          maxProperties: 32,
          additionalProperties: { type: "array", maxItems: 16, items: { type: "string" } },
          description: "Extra HTTP headers.",
        },
        secretRef: {
          type: "object",
          required: ["name"],
          description: "Secret with credentials, in the template's namespace.",
          properties: { name: { type: "string", minLength: 1, maxLength: 253, description: "Name of the Secret." } },
        },
        region: { type: "string", maxLength: 64, description: "Region (CloudWatch)." },
        insecureSkipVerify: { type: "boolean", description: "Do not verify the server's certificate." },
      },
    },
    query: {
      type: "string",
      minLength: 1,
      maxLength: 65536,
      description:
        "The query. May use {{ name }}, {{ namespace }}, {{ target }}, {{ service }}, {{ ingress }}, {{ route }}, {{ interval }} and {{ variables.x }}.",
    },
  },
} as const satisfies Schema;

export type MetricTemplateSpec = FromSchema<typeof metricTemplateSpecSchema>;

export interface MetricTemplate extends RawObject {
  readonly spec: MetricTemplateSpec;
}
