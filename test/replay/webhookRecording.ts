import type { KubeObject } from "../../sandbox/apiserver/types.ts";
import type { RecordedResponse } from "./recording.ts";

/** What webhooks answered, and what became of it. */
export interface WebhookRecording {
  readonly namespace: string;
  readonly configurations?: readonly KubeObject[];
  readonly steps: readonly WebhookStep[];
}

export interface WebhookStep {
  readonly note?: string;
  readonly command?: string;
  readonly http?: readonly RecordedExchange[];
  readonly reviews?: readonly RecordedReview[];
  readonly info?: string;
  readonly value?: unknown;
  /** A step may have a webhook of its own. */
  readonly configuration?: {
    readonly kind?: string;
    readonly clientConfig?: Record<string, unknown>;
    readonly failurePolicy?: string;
    readonly timeoutSeconds?: number;
  };
  readonly matchConditions?: readonly string[];
  readonly failurePolicy?: string;
}

export interface RecordedExchange {
  readonly method: string;
  readonly path: string;
  readonly query?: Record<string, string | string[]>;
  readonly contentType?: string;
  readonly body?: unknown;
  readonly bodyText?: string;
  readonly response: RecordedResponse & { readonly warning?: string | string[] };
}

export interface RecordedReview {
  readonly webhook: string;
  readonly request?: Record<string, unknown>;
  readonly response?: unknown;
}
