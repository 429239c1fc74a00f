import type { Phase } from "../../api/index.ts";

/** One change of phase that the machine can make. */
export interface Transition {
  readonly from: readonly Phase[];
  readonly to: Phase;
  /** What makes it happen, for people. */
  readonly when: string;
  /** What follows in the cluster. */
  readonly effect: string;
}

const resting = ["Initialized", "Succeeded", "Failed"] as const;
const analysing = ["Progressing", "WaitingPromotion"] as const;
const living = ["", "Initializing", ...resting, "Waiting", ...analysing, "Promoting", "Finalising"] as const;

/**
 * Every change of phase, as data: docs/STATES.md is printed from it, and the exploration of a small world
 * (test/property/exploration.test.ts) meets each of these and no other.
 */
export const transitions: readonly Transition[] = [
  {
    from: [""],
    to: "Initializing",
    when: "the Canary is seen first",
    effect: "metric providers are asked whether they answer; Services and primary are made",
  },
  {
    from: ["Initializing"],
    to: "Initialized",
    when: "the primary serves and the apex Service has its endpoints",
    effect: "the target drains and goes to zero",
  },
  {
    from: resting,
    to: "Progressing",
    when: "the target holds a new revision and every confirm-rollout gate is open",
    effect: "the target is brought up; counters begin at zero",
  },
  {
    from: resting,
    to: "Waiting",
    when: "the target holds a new revision and a confirm-rollout gate is closed",
    effect: "nothing moves; the gate is asked more than once a second",
  },
  {
    from: ["Waiting"],
    to: "Progressing",
    when: "the gate opens",
    effect: "the target is brought up; counters begin at zero",
  },
  {
    from: ["Waiting"],
    to: "Succeeded",
    when: "the target goes back to the promoted revision",
    effect: "nothing: there is nothing to release",
  },
  {
    from: ["Waiting"],
    to: "Failed",
    when: "a rollback hook answers yes",
    effect: "nothing: the release never began, and the revision is not tried again by itself",
  },
  {
    from: ["Progressing"],
    to: "WaitingPromotion",
    when: "the last step held and a confirm-promotion gate is closed",
    effect: "the split stays; checks go on; the gate is asked more than once a second",
  },
  {
    from: ["WaitingPromotion"],
    to: "Progressing",
    when: "the target moves on, or its pods are lost",
    effect: "all traffic to the primary; the analysis begins again",
  },
  {
    from: analysing,
    to: "Promoting",
    when: "the last step held and every confirm-promotion gate is open (or skipAnalysis)",
    effect: "the primary gets the revision that was analysed",
  },
  {
    from: analysing,
    to: "Failed",
    when: "failed checks reach the threshold, a rollback hook answers yes, or the canary cannot become ready",
    effect: "all traffic to the primary in one step; the target goes to zero",
  },
  {
    from: analysing,
    to: "Succeeded",
    when: "the target goes back to the promoted revision",
    effect: "all traffic to the primary; the target goes to zero; nothing is promoted",
  },
  {
    from: ["Promoting"],
    to: "Progressing",
    when: "the target moves on before the copy was made",
    effect: "the analysis begins again",
  },
  {
    from: ["Promoting"],
    to: "Succeeded",
    when: "the target goes back to the promoted revision before the copy was made",
    effect: "all traffic to the primary; nothing is promoted",
  },
  {
    from: ["Promoting", "Finalising"],
    to: "Failed",
    when: "the primary cannot become ready with the promoted revision, and the canary still runs it",
    effect: "all traffic to the canary, which runs it and is healthy; it stays up",
  },
  {
    from: ["Promoting"],
    to: "Finalising",
    when: "the primary serves the promoted revision",
    effect: "all traffic to the primary, at once or by stepWeightPromotion",
  },
  {
    from: ["Finalising"],
    to: "Progressing",
    when: "the primary cannot become ready, and the target moves on",
    effect: "the new revision is analysed",
  },
  {
    from: ["Finalising"],
    to: "Succeeded",
    when: "the traffic is back and the target had time to drain",
    effect: "the target goes to zero; post-rollout hooks are told",
  },
  {
    from: living,
    to: "Terminating",
    when: "the Canary is deleted",
    effect: "whoever serves the promoted revision is brought up to carry everything",
  },
  {
    from: ["Terminating"],
    to: "Terminated",
    when: "Service and route are handed back",
    effect: "the finalizer goes",
  },
  {
    from: ["Terminating", "Terminated"],
    to: "Initializing",
    when: "a deletion was undone by hand",
    effect: "everything is made as at first",
  },
];
