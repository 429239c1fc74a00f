import { apexName, canaryName } from "../../api/index.ts";
import { labelOf, selectorLabel } from "./primary.ts";
import { generatedService, releasedApex, wasTurned } from "./services.ts";
import type { Services } from "./workload.ts";

/** The Services of targets that make pods: one label tells whose pods they select. */
export const podServices: Services = {
  roles: ["apex", "primary", "canary"],
  service: (canary, role, target, live, options) =>
    generatedService(canary, role, labelOf(target, options), target, live),
  released(canary, target, live, { selectorLabels }) {
    const label = selectorLabel(target, selectorLabels);
    // Without a label nothing was ever turned to a primary.
    return "obstacle" in label || !wasTurned(live, canary, label)
      ? undefined
      : releasedApex(canary, label, target, live);
  },
  reached: (canary) => ({ canary: canaryName(canary), primary: apexName(canary) }),
};
