import { decide } from "../../controller/decide/decide.ts";
import type { Decide } from "../../controller/decide/types.ts";

/** Machines with a planted mistake. The laws over random worlds and the exploration must each catch every one of them. */
export const mistakes: Readonly<Record<string, Decide>> = {
  "promotes without waiting for the checks": (seen) => {
    const decision = decide(seen);
    const status = seen.canary.status;
    const unearned = status?.phase === "Progressing" && (status.canaryWeight ?? 0) > 0 && decision.questions.length > 0;
    return unearned
      ? { actions: [{ kind: "promote", revision: status.lastAppliedSpec ?? "" }], questions: [] }
      : decision;
  },
  "takes a failed round for a good one, at one step only": (seen) => {
    const decision = decide(seen);
    const { canary, primary, target } = seen;
    const failing = canary.status?.canaryWeight === 50 && decision.actions.some(({ kind }) => kind === "status");
    return failing && canary.status?.failedChecks === 0 && primary !== undefined && (target?.available ?? 0) > 0
      ? { actions: [{ kind: "promote", revision: target?.revision ?? "" }], questions: [] }
      : decision;
  },
  "sends traffic before anybody is there": (seen) => {
    const early =
      seen.canary.status?.phase === "Progressing" && seen.traffic !== undefined && seen.target?.available === 0;
    return early
      ? { actions: [{ kind: "shift", traffic: { primary: 90, canary: 10, mirror: false } }], questions: [] }
      : decide(seen);
  },
  "forgets one percent": (seen) => {
    const decision = decide(seen);
    return {
      ...decision,
      actions: decision.actions.map((action) =>
        action.kind === "shift"
          ? { ...action, traffic: { ...action.traffic, primary: Math.max(0, action.traffic.primary - 1) } }
          : action,
      ),
    };
  },
  "never leaves a gate": (seen) =>
    seen.canary.status?.phase === "WaitingPromotion" ? { actions: [], questions: [] } : decide(seen),
};
