import { hash } from "node:crypto";
import { analysisOf, type CanaryStatus, featuresOf } from "../../api/index.ts";
import { effectiveStrategy, plannedTraffic } from "./plan.ts";
import type { Observation } from "./types.ts";

/**
 * The cookies of session affinity that belong to a status: made with the canary's first share, kept while it has one, then noted as
 * the one to take away. As part of the status they are written before the route that hands them out, so a crash never leaves
 * clients with a cookie that nobody knows.
 */
export function withCookies(seen: Observation, status: CanaryStatus): CanaryStatus {
  const { canary, provider } = seen;
  const { sessionAffinity } = analysisOf(canary);
  const able = featuresOf(provider);
  if (sessionAffinity === undefined || !able.has("sessionAffinity")) return status;
  // Who is in the test is decided by the test's own match.
  if (effectiveStrategy(canary, provider) === "ab-testing") return status;
  const { sessionAffinityCookie: current } = status;
  if (plannedTraffic({ ...canary, status }, provider).canary === 0)
    // Emptied and not left out: another manager that wrote it before would keep it.
    return current ? { ...status, sessionAffinityCookie: "", previousSessionAffinityCookie: current } : status;
  if (current) return status;
  const { cookieName, primaryCookieName } = sessionAffinity;
  const value = (of: string): string => markOf(seen, status, of);
  return {
    ...status,
    sessionAffinityCookie: `${cookieName}=${value("canary")}`,
    ...(primaryCookieName && able.has("primaryAffinity")
      ? { primarySessionAffinityCookie: `${primaryCookieName}=${value("primary")}` }
      : {}),
  };
}

/**
 * Unlike that of any other run: the same revision may be tried twice, but not at the same millisecond. It is a mark and no secret: who
 * makes one up only chooses which of the two serves them.
 */
function markOf({ canary, now }: Observation, { lastAppliedSpec }: CanaryStatus, of: string): string {
  return hash("sha256", JSON.stringify([canary.metadata.uid, lastAppliedSpec, now, of])).slice(0, 20);
}
