import { readFileSync } from "node:fs";
import type { KubeObject, Status } from "../../../sandbox/apiserver/types.ts";

/** One exchange of a recorded scenario. */
export interface Step {
  readonly note?: string;
  readonly method?: string;
  readonly path?: string;
  readonly query?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly body?: KubeObject;
  readonly bodyText?: string;
  readonly response?: { readonly status: number; readonly headers: Record<string, string>; readonly body?: unknown };
}

/** A scenario recorded from a real API server, from test/fixtures/kube/http. */
export function recordedSteps(scenario: string): Step[] {
  const file = new URL(`../../fixtures/kube/http/${scenario}.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { steps: Step[] }).steps;
}

/** The causes of a recorded refusal, in an order that does not depend on Go's maps. */
export function recordedCauses(step: Step): string[] {
  const status = step.response?.body as Status;
  return (status.details?.causes ?? []).map((cause) => `${cause.field} ${cause.reason} ${cause.message}`).sort();
}
