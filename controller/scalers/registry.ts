import type { CanarySpec } from "../../api/index.ts";
import { horizontalPodAutoscaler } from "./hpa.ts";
import { scaledObject } from "./scaledObject.ts";
import type { ScalerKind } from "./scaler.ts";

/** Every kind of autoscaler we know; a new one is a file and a line here. */
export const scalerKinds: readonly ScalerKind[] = [horizontalPodAutoscaler, scaledObject];

/** What handles the Canary's autoscaler. Undefined: there is none, or it is not supported (yet). */
export function scalerKindOf(ref: CanarySpec["autoscalerRef"]): ScalerKind | undefined {
  return scalerKinds.find(({ resource }) => resource.kind === ref?.kind);
}
