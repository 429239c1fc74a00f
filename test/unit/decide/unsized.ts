import { decide } from "../../../controller/decide/decide.ts";
import type { Decide, Observation, Workload } from "../../../controller/decide/types.ts";

/** The same look at a target whose size is not ours to decide, and that needs no Service. */
function unsized(seen: Observation): Observation {
  const without = (workload: Workload | undefined): Workload | undefined => {
    if (workload === undefined) return undefined;
    const { replicas: _replicas, ...rest } = workload;
    return rest;
  };
  return {
    ...seen,
    target: without(seen.target),
    primary: without(seen.primary),
    objects: { ...seen.objects, canaryService: "none", primaryService: "none", apexService: "none" },
    endpoints: {},
  };
}

export const decideUnsized: Decide = (seen) => decide(unsized(seen));
