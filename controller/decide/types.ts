import type {
  Authorship,
  Canary,
  CanaryHook,
  CanaryMetric,
  CanaryStatus,
  Fit,
  NotAccepted,
  Phase,
  Readiness,
  Release,
  Severity,
  Traffic,
} from "../../api/index.ts";

/**
 * The words between the three halves of the loop: `observe` fills an Observation, `decide` turns it into a Decision,
 * `act` performs its actions. Plain data, no handles: an Observation can be written to a file and replayed.
 */

export type { Fit, Readiness, Traffic };

/** What decide needs to know of the target or the primary. */
export interface Workload {
  /** The revision of its template; of the primary: the revision it was made from. `foreign` when made by another system. */
  readonly revision: string;
  /**
   * `spec.replicas` (absent counts as 1); of a DaemonSet 1 when it may run and 0 when it is held off its nodes. Absent: its size is not
   * ours to decide.
   */
  readonly replicas?: number;
  readonly readiness: Readiness;
  /** Pods that can serve right now. */
  readonly available: number;
  /** Who changed the template last and when, from the webhook's stamp; of the target only. */
  readonly authorship?: Authorship;
  /** How many replicas the user wishes for, kept by the webhook when it pins the field. */
  readonly wishedReplicas?: number;
  /** Of the target only: how big an autoscaler that the Canary does not name made it last, in a release. */
  readonly autoscaledTo?: number;
  /** Of the primary only: its template is not the one that was written to it. `meant`: somebody who may says so on it. */
  readonly altered?: "drifted" | "meant";
  /** Of a primary of another system only: it runs another template than the target has. */
  readonly differs?: true;
  /** Held by the webhook: a template change before the primary could serve. */
  readonly held?: boolean;
  /** Of a target that can be paused and is not: no webhook saw its template written, so nobody decided whether to hold it. */
  readonly unjudged?: boolean;
}

/** One look at the world for one canary. Everything decide may use. */
export interface Observation {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly canary: Canary;
  /** The provider in force: `spec.provider`, else the flag. */
  readonly provider: string;
  readonly target: Workload | undefined;
  readonly primary: Workload | undefined;
  /** Why the target cannot be used at all (missing selector label, wrong kind); a known event text. */
  readonly obstacle?: string;
  /** Checksums of the ConfigMaps and Secrets that are tracked, by `kind/name`; absent: none are tracked at all. */
  readonly configs?: Readonly<Record<string, string>>;
  readonly objects: {
    /** `none`, of each Service: this canary has no such one. */
    readonly canaryService: Fit | "none";
    readonly primaryService: Fit | "none";
    readonly apexService: Fit | "none";
    /** `none`: the canary has no autoscaler. */
    readonly primaryScaler: Fit | "none";
    /** `none`: the provider routes by Services alone. */
    readonly route: Fit | "none";
  };
  /** Services whose ready endpoints tell that the two can be reached; absent: no Service tells. */
  readonly endpoints: { readonly canary?: string; readonly primary?: string };
  /** What the route does now; undefined when there is none. `notAccepted`: the router has not taken it (yet). */
  readonly traffic: Traffic | NotAccepted | undefined;
  /** Since when, in milliseconds, the router has a version of the route before it that it has not looked at, as far as this process knows. */
  readonly unacceptedSince?: number;
  /** Replicas a canary starts with: the primary's, or its scaler's minimum. */
  readonly canaryReplicas: number;
  /** A source autoscaler that would bring an emptied target back up, unless it is told to leave it alone. */
  readonly sourceScaler?: "running" | "paused";
  /** The autoscaler that the Canary names does not exist: what that means, in words. */
  readonly missingScaler?: string;
  /** Copies of autoscalers that the Canary no longer names: they would fight over the primary. */
  readonly strayScalers?: boolean;
  /** Replicas that the primary must have before it takes the canary's traffic over; absent: as many as it has. */
  readonly primaryFloor?: number;
  /** When the last round of questions was answered, if this process asked it; lost in a crash, which only asks sooner. */
  readonly lastRoundAt?: number;
  /** What was asked in this pass, by question id. */
  readonly answers: Readonly<Record<string, Answer>>;
  /** Drain time after traffic has left a workload and before it goes to zero, in milliseconds. */
  readonly drainMs: number;
}

/** What decide wants to know from outside. Questions of one decision are asked concurrently, each with its own deadline. */
export type Question =
  | {
      readonly id: string;
      readonly kind: "hook";
      readonly hook: CanaryHook;
      readonly phase: string;
      /** The change it is about, where that is not yet the one in the status. */
      readonly release?: Release;
    }
  | { readonly id: string; readonly kind: "metric"; readonly metric: CanaryMetric }
  /** Are the providers of all metrics reachable? */
  | { readonly id: string; readonly kind: "providers" }
  /** Ready endpoints behind a Service, read live. */
  | { readonly id: string; readonly kind: "endpoints"; readonly service: string };

/** A measurement: never a bare number, so that "no data" and "broken" stay apart. */
export type Sample =
  | { readonly kind: "value"; readonly value: number }
  | { readonly kind: "noData"; readonly message: string }
  /** `message` is a complete known event text (`Prometheus query failed: …`, `Metric template … error: …`). */
  | { readonly kind: "failed"; readonly message: string };

export type Answer =
  | { readonly kind: "hook"; readonly ok: boolean; readonly message: string }
  /** `builtin` is the observer string of spec for the texts of built-in checks; several samples when one metric is checked in two ways. */
  | { readonly kind: "metric"; readonly readings: readonly Reading[] }
  | { readonly kind: "providers"; readonly error: string | undefined }
  | { readonly kind: "endpoints"; readonly ready: number };

/** One way of measuring one metric of the list. */
export interface Reading {
  /** Decides unit, bounds and texts: built-in success rate (%), built-in duration (ms), inline query, or template. */
  readonly source: "success-rate" | "duration" | "inline" | "template";
  /** The provider as the known texts name it, e.g. `gatewayapi:v1`. */
  readonly provider: string;
  readonly sample: Sample;
}

/** The objects we generate; `act` renders each from the canary and the target. */
export type Generated = "canaryService" | "primaryService" | "apexService" | "primary" | "primaryScaler" | "route";

/** An object that others change though it is ours, or a field of the target that is. */
export type Drifting = Generated | "target";

/** One change to the world, idempotent. Performed in order; the first failure ends the pass and the key is observed again. */
export type Action =
  /** Create the object or bring it back to what the canary says. For `route`: weights are kept as they are. */
  | { readonly kind: "ensure"; readonly object: Generated; readonly traffic?: Traffic }
  /** Write weights. */
  | { readonly kind: "shift"; readonly traffic: Traffic }
  | { readonly kind: "scaleTarget"; readonly replicas: number }
  | { readonly kind: "scalePrimary"; readonly replicas: number }
  /** Tell the source autoscaler to leave the target alone, or to look after it again. */
  | { readonly kind: "pauseScaler"; readonly paused: boolean }
  /** Take away copies of autoscalers that the Canary no longer names. */
  | { readonly kind: "dropScalers" }
  /** Note on the target what somebody scaled it to: it is meant for the primary, and goes there from the note. `unlessAutoscaled`: note it apart where an autoscaler does that. */
  | { readonly kind: "keepWish"; readonly replicas: number; readonly unlessAutoscaled?: true }
  /** Pause a target as the webhook would have: its change waits until the primary serves. */
  | { readonly kind: "hold"; readonly revision: string }
  /** Let go of a target that is held paused. */
  | { readonly kind: "unhold" }
  /** Copy the target's template to the primary, if the target still has this revision; otherwise a conflict. */
  | { readonly kind: "promote"; readonly revision: string }
  /** Write the revision that the primary runs to it once more, if the target still has it; otherwise a conflict. */
  | { readonly kind: "mend"; readonly revision: string }
  /** The whole status as it shall be. */
  | { readonly kind: "status"; readonly status: CanaryStatus }
  /** `phase`: what this event announces, the beginning or end of a release. It says who made the change. */
  | {
      readonly kind: "event";
      readonly type: "Normal" | "Warning";
      readonly message: string;
      readonly phase?: Phase;
      /** What was changed under the canary and is put right: who does it again and again is told of once in a while. */
      readonly drift?: Drifting;
    }
  /** For people outside the cluster. `detailed`: says what is released and how. */
  | { readonly kind: "alert"; readonly severity: Severity; readonly message: string; readonly detailed: boolean }
  /** Hooks that are told and not asked (post-rollout): called after the status is written; results become events. */
  | { readonly kind: "tell"; readonly hooks: readonly CanaryHook[]; readonly phase: string }
  | { readonly kind: "count"; readonly outcome: "succeeded" | "failed" | "skipped" }
  /** On deletion: Service and route go to this workload and are the user's from then on, so that nobody notices. */
  | { readonly kind: "handBack"; readonly to: "target" | "primary" }
  | { readonly kind: "finalizer"; readonly present: boolean };

export interface Decision {
  readonly actions: readonly Action[];
  /** Asked after the actions; then decide is called again with the answers. */
  readonly questions: readonly Question[];
  /** The questions are a round of analysis: when they are answered is the next `lastRoundAt`. */
  readonly round?: boolean;
  /** When to look again though nothing changed, in milliseconds; absent: only when something changes. */
  readonly wakeAfterMs?: number;
}

export type Decide = (seen: Observation) => Decision;
