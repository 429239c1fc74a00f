import type { MetricTemplateSpec } from "../../api/index.ts";
import type { Outside } from "../hooks/exchange.ts";

/** What a metrics system says to a query. */
export type Outcome =
  | { readonly kind: "value"; readonly value: number }
  | { readonly kind: "noData" }
  /** In words that complete a known text (`Metric query failed for …: {error}`). */
  | { readonly kind: "failed"; readonly error: string };

/** The known words for "nothing there". */
export const noValues = "no values found";

/** One metrics system, ready to be asked. Every call has a deadline and never rejects. */
export interface MetricProvider {
  query(query: string, signal: AbortSignal): Promise<Outcome>;
  /** Why it cannot be asked; undefined when it can. */
  online(signal: AbortSignal): Promise<string | undefined>;
}

export interface ProviderInput {
  readonly spec: MetricTemplateSpec["provider"];
  /** Data of the Secret, decoded; undefined without a secretRef. */
  readonly credentials: Readonly<Record<string, string>> | undefined;
  /** Window of the check, in Go's notation. */
  readonly interval: string;
}

/** Builds a provider, or says in words what its settings lack. */
export type ProviderFactory = (input: ProviderInput, outside: Outside) => MetricProvider | { readonly problem: string };
