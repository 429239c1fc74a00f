import type { Canary } from "./canary.ts";
import { portName, servicePort, targetPort } from "./defaults.ts";
import { definedOnly } from "./raw.ts";

/** What controller and admission both make of a Canary's Services. */

/** The port that users call. */
export function mainPort(canary: Canary) {
  return definedOnly({
    name: portName(canary),
    protocol: "TCP",
    port: servicePort(canary),
    targetPort: targetPort(canary),
    appProtocol: canary.spec.service?.appProtocol || undefined,
  });
}

/** The value of the selector label on the primary's pods, from the target's. */
export function primaryLabelValue(target: string): string {
  return `${target}-primary`;
}
