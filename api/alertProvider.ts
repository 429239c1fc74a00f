import type { FromSchema, Schema } from "./schema.ts";

export const alertProviderSpecSchema = {
  type: "object",
  required: ["type"],
  description: "Where alerts are sent.",
  properties: {
    type: {
      type: "string",
      enum: ["slack", "msteams", "discord", "rocket", "gchat"],
      description: "Kind of chat.",
    },
    channel: { type: "string", maxLength: 253, description: "Channel (default general)." },
    username: { type: "string", maxLength: 253, description: "Name of the sender (default flagger)." },
    address: { type: "string", maxLength: 2048, description: "URL of the incoming hook. Leave empty with secretRef." },
    proxy: { type: "string", maxLength: 2048, description: "HTTP proxy to send through." },
    secretRef: {
      type: "object",
      required: ["name"],
      description: "Secret with the key address, and token if needed, in the provider's namespace.",
      properties: { name: { type: "string", minLength: 1, maxLength: 253, description: "Name of the Secret." } },
    },
  },
} as const satisfies Schema;

export type AlertProviderSpec = FromSchema<typeof alertProviderSpecSchema>;

/** How bad a piece of news is, from bad to worse; an alert names the least that it wants to hear. */
export const severities = ["info", "warn", "error"] as const;
export type Severity = (typeof severities)[number];
