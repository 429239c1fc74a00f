import type { Canary } from "../api/index.ts";

/** Where a Canary stands, as far as admission cares. */
export type Stage = "bootstrapping" | "resting" | "releasing" | "leaving";

export function stageOf(canary: Canary): Stage {
  switch (canary.status?.phase ?? "") {
    case "":
    case "Initializing":
      return "bootstrapping";
    case "Initialized":
    case "Succeeded":
    case "Failed":
      return "resting";
    case "Terminating":
    case "Terminated":
      return "leaving";
    default:
      return "releasing";
  }
}
